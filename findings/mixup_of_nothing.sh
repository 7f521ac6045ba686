#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: MixUp with a small `alpha`.
#
# Guess: "Smaller values mean less mixing": at `alpha=0`, the least that is allowed, MixUp
#   rests, as in the paper's code and in timm, where 0 is how one turns it off. Near 0 an
#   image is nearly always left as it is, or swapped whole.
# Seen: at 0 each image becomes the mean of two, and each label half and half. At 0.001 of
#   six images five are such, at 0.01 one, where the beta distribution has nearly none.
#   A beta number is made of two gamma numbers, a / (a + b). With TensorFlow those that are
#   too small for float32 are raised to the smallest number there is; if both are, that is
#   1/2, exactly. From 0.05 on it is rare. CutMix(factor=0) puts a patch of half of the
#   area into each image. Nothing warns.
# What helps: no layer in place of `alpha=0`; 0.05 or more.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import keras, numpy as np, tensorflow as tf

keras.utils.set_random_seed(0)
random = np.random.default_rng(0)
count = 2000
images = np.ones((count, 8, 8, 1), "float32") * np.arange(count)[:, None, None, None]
labels = np.eye(count, dtype="float32")  # each image is a class, and tells its pixels


def halves(layer):
    """The share of images that are mixed half and half."""
    batch = tf.data.Dataset.from_tensor_slices({"images": images, "labels": labels})
    (mixed,) = batch.batch(count).map(lambda one: layer(one, training=True))
    weights = mixed["labels"].numpy()[np.arange(count), np.arange(count)]
    pixels = mixed["images"].numpy().mean(axis=(1, 2, 3))
    told = mixed["labels"].numpy() @ np.arange(count)
    if isinstance(layer, keras.layers.MixUp):
        assert np.allclose(pixels, told, rtol=1e-4, atol=1e-2), "labels tell the pixels"
    return np.mean(np.abs(weights - 0.5) < 1e-6)


def beta_halves(alpha):
    return np.mean(np.abs(random.beta(alpha, alpha, 100000) - 0.5) < 0.05)


alphas = (0.0, 0.001, 0.01, 0.05, 0.2)
found = {alpha: halves(keras.layers.MixUp(alpha)) for alpha in alphas}
for alpha, share in found.items():
    said = f", NumPy within 0.45..0.55: {beta_halves(alpha):.2%}" if alpha else ""
    print(f"MixUp(alpha={alpha}): mixed half and half: {share:.1%}{said}")
cut = halves(keras.layers.CutMix(factor=0.0))
print(f"CutMix(factor=0): patches of half of the area: {cut:.1%}")
assert found[0.0] > 0.99, "it changed: alpha=0"
assert 0.7 < found[0.001] < 0.95 and 0.1 < found[0.01] < 0.3, "it changed: small alphas"
assert found[0.05] < 0.01 and found[0.2] < 0.01, "it changed: from 0.05 on"
assert beta_halves(0.001) < 0.001 and beta_halves(0.01) < 0.005, "it changed: NumPy"
assert cut > 0.99, "it changed: CutMix"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null

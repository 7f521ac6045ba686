#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0, JAX 0.10.2: what `ScheduleFreeAdamW` averages.
#
# Guess: as in the paper and its authors' package: steps are taken by z ("momentum"), x is
#   the mean of all z, and gradients are taken between the two, at y = (1 - beta_1) z +
#   beta_1 x, which the model has in training. x is "used for evaluation", so that is what
#   `evaluate` and a saved file have. Weight decay pulls z.
# Seen: with JAX training is that. With TensorFlow what the optimizer keeps as the old z is
#   the variable itself, and is read once that has moved. `beta_1` cancels out: the model is
#   the mean of all z, gradients are taken there too, and 0.5 and 0.9 are the same training.
#   The same batches give other weights than with JAX, and a larger loss. With JAX the
#   model has y to the end; no method gives x. With both, weight decay takes from the
#   model's weights, and leaves z as it is. Nothing warns.
# What helps: AdamW with a schedule, or with `use_ema`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 jax==0.10.2 \
    jaxlib==0.10.2 numpy==2.4.6
cat > run.py <<'PYTHON'
import json

import keras, numpy as np

random = np.random.default_rng(0)
x = random.normal(size=(2000, 16)).astype("float32")
right = np.argmax(x @ random.normal(size=(16, 4)) + random.normal(size=(2000, 4)), axis=1)


def compiled(beta=0.9, **settings):
    layer = keras.layers.Dense(4, use_bias=False, kernel_initializer="ones")
    model = keras.Sequential([keras.Input((16,)), layer])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.ScheduleFreeAdamW(0.01, beta, **settings)
    model.compile(optimizer, loss, jit_compile=False)
    optimizer.build(model.trainable_variables)
    return model, optimizer


def z_of(optimizer):
    (z,) = [v for v in optimizer.variables if "momentum" in v.path]
    return keras.ops.convert_to_numpy(z).astype("float64")


def trained(beta):
    """How far the model is from y and from x at most, its loss, and its weights."""
    model, optimizer = compiled(beta)
    steps = []
    for start in range(0, 2000, 10):
        model.train_on_batch(x[start : start + 10], right[start : start + 10])
        steps.append(z_of(optimizer))
    mean = np.mean(steps, axis=0)
    (has,) = model.get_weights()
    y = (1 - beta) * steps[-1] + beta * mean
    apart = [float(np.abs(has - wanted).max()) for wanted in (y, mean)]
    loss = model.evaluate(x, right, verbose=0)
    model.save("saved.keras")
    (loaded,) = keras.models.load_model("saved.keras").get_weights()
    assert (loaded == has).all()
    return apart, loss, has


apart, loss, has = trained(0.9)
_, _, other = trained(0.5)
moved = float(np.abs(has - other).max())
model, optimizer = compiled(weight_decay=0.5)
for _ in range(20):
    optimizer.apply([keras.ops.zeros((16, 4))], model.trainable_variables)
decayed = [float(one.max()) for one in (z_of(optimizer), model.get_weights()[0])]
print(json.dumps([apart, loss, moved, decayed]))
PYTHON
cat > check.py <<'PYTHON'
import json, os, subprocess, sys

found = {}
for backend in ("tensorflow", "jax"):
    run = [sys.executable, "run.py"]
    said = subprocess.check_output(run, env={**os.environ, "KERAS_BACKEND": backend})
    found[backend] = (y, x), loss, moved, decayed = json.loads(said.splitlines()[-1])
    print(f"{backend}: the model is {y:.1g} from y and {x:.1g} from x at most")
    print(f"  loss {loss:.4f}; beta_1 of 0.5 moves a weight by {moved:.1g} at most")
    z, kept = decayed
    print(f"  without gradients z decays from 1 to {z}, the model to {kept:.3f}")
(y, x), right, moved, _ = found["jax"]
assert y < 1e-4 and x > 0.01 and moved > 0.01, "it changed with JAX"
(y, x), loss, moved, _ = found["tensorflow"]
assert x < 1e-4 and y > 0.01 and moved < 1e-4, "it changed with TensorFlow"
assert loss > right + 0.01, "it changed: the losses"
for *_, (z, y) in found.values():
    assert z == 1.0 and y < 0.97, "it changed: weight decay"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python check.py 2>/dev/null

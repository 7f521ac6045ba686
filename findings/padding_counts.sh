#!/usr/bin/env bash
# flax 0.12.8, JAX 0.10.2: `mask` of the metrics in `flax.nnx`.
#
# Guess: the last batch is filled up with images that do not count, and a `mask` tells which
#   these are. `MultiMetric.update(mask=...)` says that it "will be passed to all the
#   metrics", and the mask's shape "should be broadcastable", so that one mask of the images
#   serves several networks.
# Seen: `Welford` takes the mask and does not look at it: in one MultiMetric the mean of
#   Average is right, and the mean, deviation and standard error of Welford are those with
#   the filling. A mask of the images for the answers of three networks, (3, images), is
#   broadcast where it is multiplied and not where it is counted: accuracy and mean loss are
#   three times what they are, 59 % for 20. Nothing warns.
# What helps: Welford of what is left, `values[mask]`; `jnp.broadcast_to(mask,
#   labels.shape)` for the others.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet flax==0.12.8 jax==0.10.2 numpy==2.4.6
cat > run.py <<'PYTHON'
import jax.numpy as jnp, numpy as np
from flax import nnx

random = np.random.default_rng(0)
networks, images, size = 3, 200, 128
losses = random.gamma(2, 1, images).astype("float32")
labels = random.integers(0, 10, images).astype("int32")
logits = random.normal(size=(networks, images, 10)).astype("float32")
logits += np.eye(10, dtype="float32")[labels] / 2


def batches(*arrays):
    """Batches of the last axis but that of the classes, filled up with zeros, and masks."""
    for start in range(0, images, size):
        mask = np.arange(start, start + size) < images
        missing = size - mask.sum()
        yield mask, [
            np.pad(part, [(0, missing if i == axis else 0) for i in range(part.ndim)])
            for array, axis in arrays
            for part in [np.take(array, range(start, start + mask.sum()), axis)]
        ]


metrics = nnx.MultiMetric(
    average=nnx.metrics.Average("loss"), welford=nnx.metrics.Welford("loss")
)
for mask, (loss,) in batches((losses, 0)):
    metrics.update(loss=jnp.array(loss), mask=jnp.array(mask))
found = metrics.compute()
average, welford = float(found["average"]), found["welford"]
told = [float(welford.mean), float(welford.standard_deviation)]
right = [losses.mean(), losses.std()]
filled = np.pad(losses, (0, -images % size))
print(f"mean loss of {images} images: {right[0]:.3f}, deviation {right[1]:.3f}")
print(f"  Average: {average:.3f}; Welford: {told[0]:.3f}, {told[1]:.3f}")
assert np.isclose(average, right[0])
assert np.allclose(told, [filled.mean(), filled.std()]), "it changed: Welford"
assert not np.allclose(told, right, rtol=0.1)

accuracies = []
for broadcast in (False, True):
    accuracy = nnx.metrics.Accuracy()
    for mask, (answers, classes) in batches((logits, 1), (labels, 0)):
        classes = jnp.broadcast_to(jnp.array(classes), answers.shape[:-1])
        mask = jnp.array(mask)
        if broadcast:
            mask = jnp.broadcast_to(mask, classes.shape)
        accuracy.update(logits=jnp.array(answers), labels=classes, mask=mask)
    accuracies.append(100 * float(accuracy.compute()))
right = 100 * (logits.argmax(-1) == labels).mean()
print(f"accuracy of {networks} networks: {right:.1f} %")
print("  with a mask of the images, of all answers:", *(f"{a:.1f}" for a in accuracies))
assert np.isclose(accuracies[0], networks * right), "it changed: broadcast masks"
assert np.isclose(accuracies[1], right)
PYTHON
env/bin/python run.py

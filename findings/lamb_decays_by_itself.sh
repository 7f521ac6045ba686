#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0, optax 0.2.8: weight decay of LAMB.
#
# Guess: `Lamb(weight_decay=0.01)` is the paper's, and optax's: the decay is added to
#   Adam's step, and the trust ratio, a layer's norm by the step's, scales both. The
#   usual 0.01 carries over.
# Seen: Keras takes the decay from the weights first, as AdamW does, and scales only Adam's
#   step. A layer whose weights are about 0.05 decays 20 times as fast as in optax, one of
#   0.01 100 times: by the rate times 0.01 a step, whatever the layer's norm. Without decay
#   both make the same steps. Nothing says so.
# What helps: a `weight_decay` times the weights' usual size, such as 0.0005 for 0.01.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 optax==0.2.8 jax==0.10.2 \
    jaxlib==0.10.2 numpy==2.4.6
cat > run.py <<'PYTHON'
import jax.numpy as jnp, keras, numpy as np, optax

STEPS, RATE = 100, 1e-3
# Adam makes ones of it, at a right angle to weights that are equal: these only decay.
gradient = np.tile(np.float32([1, -1]), 50)


def keras_weights(size, decay):
    weights = keras.Variable(np.full(100, size, "float32"))
    optimizer = keras.optimizers.Lamb(RATE, epsilon=1e-6, weight_decay=decay or None)
    optimizer.build([weights])
    for _ in range(STEPS):
        optimizer.apply([keras.ops.convert_to_tensor(gradient)])
    return np.float64(weights.numpy())


def optax_weights(size, decay):
    weights = jnp.full(100, size, jnp.float32)
    optimizer = optax.lamb(RATE, eps=1e-6, weight_decay=decay)
    state = optimizer.init(weights)
    for _ in range(STEPS):
        change, state = optimizer.update(jnp.asarray(gradient), state, weights)
        weights = optax.apply_updates(weights, change)
    return np.float64(weights)


for size in (0.05, 0.01):
    plain = [weights(size, 0.0) for weights in (keras_weights, optax_weights)]
    assert np.allclose(*plain, rtol=1e-4), "it changed: without decay"
    lost = [
        1 - weights(size, 0.1).mean() / size for weights in (keras_weights, optax_weights)
    ]
    ratio = lost[0] / lost[1]
    print(
        f"weights of {size}: in {STEPS} steps Keras takes {lost[0]:.3%} away, optax "
        f"{lost[1]:.4%}: {ratio:.0f} times as much"
    )
    assert 0.8 / size < ratio < 1.2 / size, "it changed"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null

#!/usr/bin/env bash
# HGQ2 0.2.0, Keras 3.15.1, TensorFlow 2.21.0: three layers with a batch normalization.
#
# Guess: `QBatchNormDense` is a batch normalization and a Dense in one, as the two in a row
#   but for the rounding; `QBatchNormalization(center=False)` has no beta, and a mean of 0
#   as in Keras; `QEinsumDenseBatchnorm(epsilon=1e-3)`, the default, goes by its epsilon.
# Seen: QBatchNormDense divides what comes in by its standard deviation, and takes off the
#   mean without dividing it. Means of 0 come out as 0; pixels of 0 to 255, with a mean of
#   128, come out hundreds off, with 24 bits, in training and after it, and in `qbias` for
#   the device too. A network of two such layers is right on 15 % of them after 20 epochs,
#   where the layers in a row come to 93; of the same pixels from 0 to 1 it learns, since
#   the bias can make up for it. With center=False beta is 1: all outputs have a mean of 1.
#   In QEinsumDenseBatchnorm epsilon is Keras's own 1e-7, whatever was given: a channel that
#   hardly varies, by 0.01, comes out with a deviation of 1.0 for 0.3. Nothing warns.
#   (Of "some instability" of both fused layers in training its status page tells.)
# What helps: QBatchNormalization, with center=True, and QDense in a row.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet hgq2==0.2.0 quantizers==1.2.2 keras==3.15.1 \
    tensorflow==2.21.0 tqdm==4.70.1 numpy==2.4.6
cat > run.py <<'PYTHON'
import logging, warnings

import keras, numpy as np
from hgq.config import LayerConfigScope, QuantizerConfigScope
from hgq.layers import QBatchNormalization, QBatchNormDense, QDense, QEinsumDenseBatchnorm
from keras.layers import BatchNormalization, Dense

logging.getLogger("tensorflow").setLevel(logging.ERROR)
warnings.simplefilter("error")
random = np.random.default_rng(0)
labels = np.arange(1000) % 10
patterns = 20 * random.normal(size=(10, 64))[labels]
images, tests = (
    np.clip(128 + patterns + 40 * random.normal(size=(1000, 64)), 0, 255).astype("float32")
    for _ in range(2)
)


def network(*layers):
    x = start = keras.Input((images.shape[1],))
    for layer in layers:
        x = layer(x)
    return keras.Model(start, x)


def answers(layer, data):
    """In training and after it, once the moments are those of the data."""
    model = keras.Sequential([keras.Input(data.shape[1:]), layer])
    for _ in range(30):
        training = model(data, training=True)
    return np.array(training), np.array(model(data))


def numbers(values):
    return " ".join(f"{value:.3f}" for value in values)


def right(first, data):
    """What a layer's own weights give: normalized, then multiplied."""
    scale = first.bn_gamma.numpy() / np.sqrt(data.var(0) + first.epsilon)
    return (data - data.mean(0)) * scale @ first.kernel.numpy() + first.bias.numpy()


# 24 bits after the sign, so that nothing seen here is rounding; no costs of bits.
bits = QuantizerConfigScope(
    place="all", default_q_type="kif", overflow_mode="SAT", i0=12, f0=12
)
with bits, LayerConfigScope(enable_ebops=False):
    print("QBatchNormDense(3), means of what comes out:")
    keras.utils.set_random_seed(0)
    for what, data in (
        ("pixels of 0 to 255", images),
        ("less their means", images - images.mean(0)),
    ):
        layer = QBatchNormDense(3, momentum=0.5)
        training, after = answers(layer, data)
        wanted = right(layer, data)
        print(f"  {what}: {numbers(after.mean(0))}, right {numbers(wanted.mean(0))}")
        assert np.abs(training.mean(0) - after.mean(0)).max() < 1
        off = np.abs(after - wanted).max()
        if what == "less their means":
            assert off < 0.1
            continue
        kernel, mean = layer.kernel.numpy(), data.mean(0)
        lacking = mean @ kernel - (mean / np.sqrt(data.var(0) + layer.epsilon)) @ kernel
        assert np.allclose(wanted - after, lacking, atol=0.5), "it changed: the mean"
        assert np.abs(layer.qbias.numpy() + mean @ kernel).max() < 0.5, "it changed"
        assert off > 50

    print("right after 20 epochs, pixels of 0 to 1 and of 0 to 255:")
    reached = {}
    for name, made in (
        (
            "QBatchNormDense, twice",
            lambda: [
                QBatchNormDense(32, activation="relu", momentum=0.9),
                QBatchNormDense(10, momentum=0.9),
            ],
        ),
        (
            "QBatchNormalization and QDense, twice",
            lambda: [
                QBatchNormalization(momentum=0.9),
                QDense(32, activation="relu"),
                QBatchNormalization(momentum=0.9),
                QDense(10),
            ],
        ),
        (
            "Keras's own, twice",
            lambda: [
                BatchNormalization(momentum=0.9),
                Dense(32, activation="relu"),
                BatchNormalization(momentum=0.9),
                Dense(10),
            ],
        ),
    ):
        reached[name] = []
        for divided in (255, 1):
            keras.utils.set_random_seed(0)
            model = network(*made())
            model.compile(
                keras.optimizers.Adam(1e-3),
                keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                metrics=["accuracy"],
            )
            model.fit(images / divided, labels, epochs=20, batch_size=50, verbose=0)
            accuracy = model.evaluate(tests / divided, labels, verbose=0)[1]
            reached[name].append(100 * accuracy)
        print(f"  {name}: {reached[name][0]:.0f}, {reached[name][1]:.0f} %")
    assert all(accuracies[0] > 85 for accuracies in reached.values())
    fused, *others = reached.values()
    assert fused[1] < 30 and all(other[1] > 85 for other in others), "it changed: it learns"

    print("QBatchNormalization, mean of what comes out:")
    for center in (True, False):
        own = answers(QBatchNormalization(momentum=0.5, center=center), images)
        of_keras = answers(BatchNormalization(momentum=0.5, center=center), images)
        means = [float(values.mean()) for values in own + of_keras]
        print(f"  center={center}: {means[1]:.3f}, Keras's {means[3]:.3f}")
        wanted = 0 if center else 1
        assert np.allclose(means[:2], wanted, atol=1e-2), "it changed: center"
        assert np.allclose(means[2:], 0, atol=1e-2)

    print("deviations of 0.01 and 1, after normalization and a kernel of ones and zeros:")
    data = random.normal(0, (0.01, 1), (1000, 2)).astype("float32")
    _, of_keras = answers(BatchNormalization(momentum=0.5, epsilon=1e-3), data)
    print("  Keras's:", numbers(of_keras.std(0)))
    for epsilon in (1e-3, 1e-1):
        layer = QEinsumDenseBatchnorm(
            "bi,io->bo", (2,), bias_axes="o", momentum=0.5, epsilon=epsilon,
            kernel_initializer="identity",
        )
        _, after = answers(layer, data)
        print(f"  QEinsumDenseBatchnorm, epsilon={epsilon}:", numbers(after.std(0)))
        assert after.std(0)[0] > 0.98 > 0.35 > of_keras.std(0)[0], "it changed: epsilon"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>error.txt || { cat error.txt; exit 1; }

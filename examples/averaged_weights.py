"""A Keras callback of your own: moving averages of the weights.

Description: `keras.callbacks.SwapEMAWeights` beside `fit`, and as a plugin for the
commands. What the members say to each other while they train are still their weights of
the moment; what is measured and kept are the averages.
Date created: 2026-11-27, with TensorFlow 2.21.0 and Keras 3.15.1

    python examples/averaged_weights.py

shows the errors of both, epoch by epoch. The same file is a plugin:

    python run_experiments.py --plugin examples/averaged_weights.py
"""

import keras
from keras import layers
from sklearn.datasets import load_digits

from collaborative import EnsembleModel, register_callback

EPOCHS = 10
MOMENTUM = 0.95  # of the averages: they remember about 20 steps


# ## For the commands
#
# A function to a new callback, under a name. Runs are trained with it, and their
# directory is named by it (`callbacks=ema`). The optimizer of the commands keeps the
# averages, with Keras's momentum of 0.99, as soon as such a callback is there.


@register_callback("ema")
def ema():
    return keras.callbacks.SwapEMAWeights()


# ## In your own code
#
# There the optimizer is yours: `use_ema=True` has it keep the averages.
# `swap_on_epoch=True` puts them in at the end of each epoch, where the validation
# images are measured, and takes them out again for the next one.


def trained(images, labels, held_out, use_ema):
    """Test errors in % of the ensemble after each epoch."""
    keras.utils.set_random_seed(0)
    members = [
        keras.Sequential(
            [
                keras.Input((64,)),
                layers.Rescaling(1 / 16),
                layers.Dense(width, activation="relu"),
                layers.Dense(10),
            ],
            name=f"of_{width}",
        )
        for width in (32, 128)
    ]
    model = EnsembleModel(members, method="L2", alpha=0.01)
    optimizer = keras.optimizers.Adam(0.03, use_ema=use_ema, ema_momentum=MOMENTUM)
    model.compile(optimizer)
    swap = [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if use_ema else []
    history = model.fit(
        images, labels, epochs=EPOCHS, validation_data=held_out, callbacks=swap,
        verbose=0,
    )  # fmt: skip
    return [100 * error for error in history.history["val_ensemble_error"]]


def main():
    images, labels = load_digits(return_X_y=True)
    train, test = slice(1200), slice(1200, None)
    held_out = images[test], labels[test]
    columns = [
        trained(images[train], labels[train], held_out, use_ema)
        for use_ema in (False, True)
    ]
    print("test error of the ensemble in %")
    print("epoch   weights  averages")
    for epoch, errors in enumerate(zip(*columns, strict=True), start=1):
        print(f"{epoch:5}" + "".join(f"{error:10.2f}" for error in errors))


if __name__ == "__main__":
    main()

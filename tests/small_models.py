"""Small models for tests: two linear members, and how they are trained."""

import keras

from collaborative import models


def linear(name, classes=3, seed=0, **kwargs):
    """A small member: images of 8x8x1 to logits."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(
                classes,
                kernel_initializer=keras.initializers.HeNormal(seed=seed),
                **kwargs,
            ),
        ],
        name=name,
    )


def ensemble(method="L2", alpha=0.1, weight_decay=0.01, **kwargs):
    members = [linear("a", seed=1), linear("b", seed=2)]
    return models.EnsembleModel(members, method, alpha, weight_decay, **kwargs)


def compiled(model, **kwargs):
    kwargs = {"optimizer": "adam", "jit_compile": False} | kwargs
    model.compile(**kwargs)
    return model


def weights(model):
    return [v.numpy() for v in model.trainable_variables]


def fit(model, data, epochs=1):
    return model.fit(*data, batch_size=32, epochs=epochs, shuffle=False, verbose=0)


class StopAfter(keras.callbacks.Callback):
    """Interrupts a run, as Ctrl-C would, when so many epochs are done."""

    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epochs:
            raise KeyboardInterrupt

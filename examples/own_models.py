# %% [markdown]
# # Two models of your own teach each other
#
# **Description:** a convolutional network and a perceptron learn to read digits, apart
# and together; then the small one is taken out and used alone.<br>
# **Date created:** 2026-11-27, with TensorFlow 2.21.0 and Keras 3.15.1
#
# In mutual learning there is no teacher: several networks train at the same time, each
# on the labels and, through a *collaboration cost* on the logits, on what the others
# say. `EnsembleModel` is a Keras model that does it with any Keras models to logits.

# %%
import pathlib

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

from collaborative import EnsembleModel, plain_model

EPOCHS = 30
SEEDS = (1, 2, 3)
OUTPUT = pathlib.Path("logs", "own_models")

# %% [markdown]
# ## Data
#
# 1,797 digits of 8x8 pixels, which scikit-learn brings along; 300 are for training.

# %%
digits = load_digits()
images = digits.images[..., None].astype("float32")  # [1797, 8, 8, 1], values 0..16
labels = digits.target  # integers [1797], as they are: no one-hot vectors
order = np.random.default_rng(0).permutation(len(labels))
train, test = order[:300], order[300:]

# %% [markdown]
# ## Two architectures
#
# They share nothing but their input and the number of their logits. The last layer has
# no softmax: what the members return are logits.


# %%
def small():
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Rescaling(1 / 16),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10),
        ],
        name="small",
    )


def large():
    inputs = keras.Input((8, 8, 1))
    x = layers.Rescaling(1 / 16)(inputs)
    x = layers.Flatten()(x)
    x = layers.Dense(256, activation="relu")(x)
    x = layers.Dense(256, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(10)(x), name="large")


print(f"small has {small().count_params():,} weights, large {large().count_params():,}")

# %% [markdown]
# ## Apart and together
#
# `method="Single"` trains the two without any collaboration: the baseline. One seed
# gives both methods the same first weights and the same batches. `compile` takes no
# loss, since the model brings its own.


# %%
def trained(method, alpha, seed):
    keras.utils.set_random_seed(seed)
    ensemble = EnsembleModel([small(), large()], method=method, alpha=alpha)
    ensemble.compile(optimizer=keras.optimizers.Adam(0.003))
    ensemble.fit(images[train], labels[train], epochs=EPOCHS, verbose=0)
    return ensemble


def errors(ensemble):
    """Test errors in % of both members, and of the mean of their logits."""
    scores = ensemble.evaluate(images[test], labels[test], verbose=0, return_dict=True)
    return [100 * scores[f"{name}_error"] for name in ensemble.predictor_names]


apart = [trained("Single", 0.0, seed) for seed in SEEDS]
together = [trained("L2", 0.01, seed) for seed in SEEDS]

# %% [markdown]
# `evaluate` gives the error (the fraction misclassified) and the cost of each member
# and of the ensemble. These are means over the seeds:

# %%
print("test error in %   small   large   ensemble")
for title, ensembles in (("apart", apart), ("together", together)):
    means = np.mean([errors(ensemble) for ensemble in ensembles], axis=0)
    print(f"{title:15}" + "".join(f"{mean:8.2f}" for mean in means))

# %% [markdown]
# Here it changes next to nothing: the small network has no room for more, and three
# seeds tell apart only what is large. Collaboration pays for networks that could do
# better than their labels let them: `label_noise.py` is about that, and the page
# `docs/findings.md` has where it helped and where it did not.

# %% [markdown]
# ## Take one out
#
# After training the small network stands on its own. `plain_model` makes an ordinary
# Keras model of it, with weights of its own, here with a softmax behind the logits. It
# loads wherever Keras is, without this package.

# %%
OUTPUT.mkdir(parents=True, exist_ok=True)
plain_model(together[0], "small", softmax=True).save(OUTPUT / "small.keras")
alone = keras.models.load_model(OUTPUT / "small.keras")
probabilities = alone.predict(images[test], verbose=0)
error = 100 * np.mean(probabilities.argmax(axis=1) != labels[test])
print(f"small alone, from {OUTPUT / 'small.keras'}: test error {error:.2f} %")

# %% [markdown]
# The whole ensemble is saved as any Keras model, `together[0].save("both.keras")`, and
# `collaborative.load_model` loads it, to be trained on or measured.
#
# From here: a cost of your own (`own_cost.py`), your own pictures (`own_pictures.py`),
# and what collaboration does where labels are wrong (`label_noise.py`).

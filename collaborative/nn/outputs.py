"""What the outputs of a model are: logits, probabilities, or of another kind.

It is decided by what the model computes from random inputs, since a softmax has many
forms: an activation, a layer, an operation, the end of a nested model. Only where that
cannot tell (no inputs are known, all is NaN) does the last layer's activation.

What is computed keeps no trace: neither weights nor random states change.
"""

from __future__ import annotations

import warnings

import keras
import numpy as np
import tensorflow as tf

LOGITS = "logits"
PROBABILITIES = "probabilities"
SIGMOID = "sigmoid"
ONE_UNIT = "one unit"
MULTI_LABEL = "multi-label"
OTHER = "other"

# What each kind is, in words that complete "its outputs are ...".
DESCRIPTIONS = {
    LOGITS: "logits [batch, classes]",
    PROBABILITIES: "probabilities [batch, classes], which sum to 1: a softmax",
    SIGMOID: "one number in 0..1 for each image: a sigmoid, the probability of one "
    "class of two",
    ONE_UNIT: "one number for each image, which is no probability",
    MULTI_LABEL: "numbers in 0..1 that do not sum to 1, a sigmoid for each label",
    OTHER: "not one tensor [batch, classes]",
}
_APART = 0.02  # how far from 1 probabilities may sum to: bfloat16 has 8 bits
_SEED = 0
_UNKNOWN_SIZE = 32  # of a dimension that the model leaves open


def kind_of_outputs(model, inputs=None) -> str:
    """Says what a model's outputs are.

    Args:
        model: a built `keras.Model`.
        inputs: a batch of what it takes, of some variety; random ones where it is None
            and the model says what it takes (functional and sequential models do).

    Returns:
        A key of DESCRIPTIONS. LOGITS stands for all `[batch, classes]` that is none of
        the others, log-probabilities too, which a softmax turns into probabilities.
    """
    with tf.init_scope():
        if _ends_in_linear_map(model):  # most members: nothing need be computed
            return LOGITS if model.outputs[0].shape[-1] > 1 else ONE_UNIT
        return _computed(model, inputs)


def _computed(model, inputs):
    try:
        inputs = random_inputs(model) if inputs is None else inputs
        outputs = _outputs(model, inputs)
    except Exception:  # inputs that are not known, or that the model does not take
        return _declared(model)
    if isinstance(outputs, str):
        return outputs
    if not len(outputs):
        return _declared(model)
    kind = kind_of_values(outputs)
    if kind == LOGITS or (kind == PROBABILITIES and np.ptp(outputs, axis=0).max() > 0):
        return kind
    # Logits may happen to lie in 0..1, all of an untrained network be the same: the
    # same computation with other weights tells.
    others = _outputs(model, inputs, other_weights=True)
    if not len(others):
        return kind
    return kind_of_values(others)


def kind_of_values(outputs):
    """The kind of finite outputs `[n, units]`, as they are: a key of DESCRIPTIONS."""
    units = outputs.shape[1]
    within = outputs.min() >= 0 and outputs.max() <= 1
    if units == 1:
        # All of a softmax over one unit are 1, whatever the image shows.
        return SIGMOID if within and outputs.min() < 1 else ONE_UNIT
    if not within:
        return LOGITS
    sums_to_1 = np.abs(outputs.sum(axis=1) - 1).max() <= _APART
    return PROBABILITIES if sums_to_1 else MULTI_LABEL


def random_inputs(model):
    """Inputs as varied as pictures, scaled pictures and noise are.

    Args:
        model: a functional or sequential `keras.Model`.

    Returns:
        Arrays, nested as the model's inputs are, each `[n, ...]` in its own dtype.

    Raises:
        ValueError: where the model does not say what it takes.
    """
    if getattr(model, "inputs", None) is None:
        raise ValueError(f"{model.name} does not say what it takes: call it first")
    rng = np.random.default_rng(_SEED)
    wanted = structure(model, "inputs")
    return keras.tree.map_structure(lambda one: _random_input(one, rng), wanted)


def inputs_like(batch):
    """`random_inputs` of the shapes and types of a batch, which may be symbolic."""
    rng = np.random.default_rng(_SEED)
    return keras.tree.map_structure(lambda one: _random_input(one, rng), batch)


def structure(model, ends):
    """What a functional or sequential model takes or gives, nested as it is.

    Args:
        model: the `keras.Model`.
        ends: "inputs" or "outputs".

    Returns:
        Its `KerasTensor`, or several in a dict or list.
    """
    if isinstance(model, keras.Sequential):
        return getattr(model, ends)[0]
    return getattr(model, ends.removesuffix("s"))


def _random_input(one, rng):
    dtype = keras.backend.standardize_dtype(one.dtype)
    batch, *shape = (_UNKNOWN_SIZE if size is None else size for size in one.shape)
    batch = 9 if one.shape[0] is None else batch
    tops = np.resize([1, 255, 255], batch).reshape(-1, *[1] * len(shape))
    values = rng.uniform(0, tops, (batch, *shape))
    if dtype.startswith("uint8"):
        return np.rint(values).astype(dtype)
    if "float" not in dtype:  # indices of words: any list has two
        return (values > tops / 2).astype(dtype)
    noise = np.arange(batch).reshape(tops.shape) % 3 == 2
    return np.where(noise, rng.normal(0, 3, values.shape), values).astype(
        tf.as_dtype(dtype).as_numpy_dtype
    )


def _outputs(model, inputs, other_weights=False):
    """Finite rows of the outputs, float64 `[n, units]`; or OTHER, as a string."""
    values = _other_values(model) if other_weights else []
    inputs = keras.tree.map_structure(tf.convert_to_tensor, inputs)
    with warnings.catch_warnings(), keras.StatelessScope(values):
        warnings.simplefilter("ignore")  # of a softmax over one unit
        outputs = model(inputs, training=False)
    leaves = keras.tree.flatten(outputs)
    if outputs is not leaves[0] or len(outputs.shape) != 2:
        return OTHER
    rows = tf.cast(outputs, tf.float64).numpy()
    return rows[np.isfinite(rows).all(axis=1)]


def _other_values(model):
    """Pairs of a variable and a random value; random states stay as they are."""
    rng = np.random.default_rng(_SEED)
    for variable in model.variables:
        if "float" in variable.dtype:
            drawn = rng.normal(size=variable.shape)
            # What is not trained may be a variance.
            drawn = drawn if variable.trainable else np.abs(drawn)
            yield variable, keras.ops.cast(drawn, variable.dtype)


def _ends_in_linear_map(model):
    """Whether one output comes straight out of a dense layer without activation."""
    outputs = getattr(model, "outputs", None)
    if outputs is None or structure(model, "outputs") is not outputs[0]:
        return False
    if len(outputs[0].shape) != 2:
        return False
    last = _last_layer(model)
    return (
        type(last) is keras.layers.Dense and last.activation is keras.activations.linear
    )


def _last_layer(model):
    """The layer that a model's first output comes from, in a nested model too."""
    if not getattr(model, "outputs", None):
        return model.layers[-1] if model.layers else None
    last = model.outputs[0]._keras_history.operation
    return _last_layer(last) if isinstance(last, keras.Model) else last


def _declared(model):
    """What the last layer says of itself, where nothing can be computed."""
    outputs = getattr(model, "outputs", None)
    if outputs and (len(outputs) > 1 or len(outputs[0].shape) != 2):
        return OTHER
    one = bool(outputs) and outputs[0].shape[-1] == 1
    last = _last_layer(model)
    activation = getattr(last, "activation", None)
    if isinstance(last, keras.layers.Softmax):
        activation = keras.activations.softmax
    if activation is keras.activations.softmax:
        return ONE_UNIT if one else PROBABILITIES
    if activation is keras.activations.sigmoid:
        return SIGMOID if one else MULTI_LABEL
    return ONE_UNIT if one else LOGITS

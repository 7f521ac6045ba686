"""Members that are not trained: teachers of the others."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_models import compiled, ensemble, fit, linear, weights

from collaborative import Inputs, models
from collaborative.nn import network_files
from collaborative.nn.frozen import freeze_again, is_frozen

pytestmark = pytest.mark.eager
LAYERS = keras.layers


def normalized(name, seed=0):
    """A member with batch normalization and dropout."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            LAYERS.Flatten(),
            LAYERS.BatchNormalization(),
            LAYERS.Dropout(0.5, seed=seed),
            LAYERS.Dense(3, kernel_initializer=keras.initializers.HeNormal(seed)),
        ],
        name=name,
    )


def trio(topology="chain", **kwargs):
    """Members a and c, and between them the frozen teacher."""
    members = [linear("a", seed=1), normalized("teacher", 2), linear("c", seed=3)]
    members[1].trainable = False
    kwargs = {"weight_decay": 0.01, "topology": topology} | kwargs
    return models.EnsembleModel(members, "L2", 0.1, **kwargs)


def state(member):
    return [np.asarray(v) for v in member.variables]


@pytest.mark.parametrize(
    "topology",
    [pytest.param("chain", marks=pytest.mark.eager(False)), "ring", "all", "star"],
)
def test_a_teacher_is_at_rest_and_measured_all_the_same(topology, images_and_labels):
    model = compiled(trio(topology), optimizer=keras.optimizers.SGD(0.001))
    images, labels = images_and_labels
    before = state(model["teacher"])
    history = fit(model, images_and_labels).history
    for old, new in zip(before, state(model["teacher"]), strict=True):
        np.testing.assert_array_equal(old, new)
    teacher = compiled(models.SingleModel(model["teacher"]))
    alone = teacher.evaluate(images, labels, verbose=0, return_dict=True)
    for name in ("teacher_error", "teacher_cost"):
        np.testing.assert_allclose(history[name], alone[name], rtol=1e-5)


class BuiltLate(keras.Model):
    """Its layer is made after it was frozen, and is trainable."""

    def build(self, shape):
        self.flat, self.dense = LAYERS.Flatten(), LAYERS.Dense(3)
        self.dense.build((None, shape[1] * shape[2] * shape[3]))
        self.built = True

    def call(self, x):
        return self.dense(self.flat(x))

    def compute_output_shape(self, shape):
        return (shape[0], 3)


@pytest.mark.parametrize("late", [False, True], ids=["a layer thawed", "built late"])
def test_a_frozen_member_is_frozen_as_a_whole(late, images_and_labels):
    teacher = BuiltLate() if late else normalized("teacher")
    teacher.trainable = False
    if not late:
        teacher.layers[-1].trainable = True
    student = linear("student", seed=1)
    model = models.EnsembleModel([student, teacher], "L2", 0.1, weight_decay=0.01)
    model.build((None, 8, 8, 1))
    before = state(teacher)
    fit(compiled(model, optimizer=keras.optimizers.SGD(0.1)), images_and_labels)
    for old, new in zip(before, state(teacher), strict=True):
        np.testing.assert_array_equal(old, new)
    assert model.trainable_weights == student.trainable_weights
    own = {id(v) for v in teacher.variables}
    assert own <= {id(v) for v in model.non_trainable_variables}
    assert own & {id(v) for v in model.weights} <= {
        id(v) for v in model.non_trainable_weights
    }


PAIRS = {"chain": ["at", "tc"], "star": ["at", "ac"]}  # by the members' first letters


@pytest.mark.parametrize("topology", PAIRS)
def test_its_students_learn_from_its_logits_as_from_constants(
    topology, images_and_labels
):
    images, labels = images_and_labels
    model = compiled(trio(topology), optimizer=keras.optimizers.SGD(0.1))
    with tf.GradientTape() as tape:
        logits = {m.name[0]: m(images, training=False) for m in model.members}
        logits["t"] = tf.stop_gradient(logits["t"])
        costs = [
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits[name])
            for name in "ac"
        ]
        costs += [
            0.1 * tf.reduce_sum((logits[one] - logits[other]) ** 2, axis=1)
            for one, other in PAIRS[topology]
        ]
        kernels = [v for v in model.trainable_variables if v.name == "kernel"]
        decay = 0.01 * sum(tf.reduce_sum(k**2) / 2 for k in kernels)
        cost = tf.reduce_mean(tf.add_n(costs)) + decay
    old = weights(model)
    gradients = tape.gradient(cost, model.trainable_variables)
    model.train_on_batch(images, labels)
    for before, gradient, after in zip(old, gradients, weights(model), strict=True):
        np.testing.assert_allclose(after, before - 0.1 * gradient, rtol=1e-3, atol=1e-5)


def test_no_gradient_of_it_is_computed(images_and_labels):
    """Its dense layer multiplies matrices once, forwards."""
    model = compiled(trio(), optimizer="sgd")
    model.train_on_batch(*images_and_labels)  # makes the optimizer's variables
    data = tuple(map(tf.constant, images_and_labels))
    step = tf.function(lambda: model.train_step(data))
    graph = step.get_concrete_function().graph
    shapes = [
        op.inputs[0].shape for op in graph.get_operations() if op.type == "MatMul"
    ]
    assert len(shapes) == 3 + 2  # and the gradients of two kernels


@pytest.mark.parametrize("steps", ["mixed", "separate"])
def test_images_without_labels_and_a_teacher(steps, images_and_labels):
    images, labels = images_and_labels
    model = compiled(trio(unlabeled=steps), optimizer="sgd")
    before = state(model["teacher"])
    model.train_on_batch(Inputs(images, images, ()), labels)
    for old, new in zip(before, state(model["teacher"]), strict=True):
        np.testing.assert_array_equal(old, new)


def test_it_may_be_thawed(images_and_labels):
    model = compiled(trio())
    fit(model, images_and_labels)
    model["teacher"].trainable = True
    before = state(model["teacher"])
    fit(compiled(model), images_and_labels)
    assert not np.allclose(before[0], state(model["teacher"])[0])


def test_it_stays_frozen_in_a_file(tmp_path, images_and_labels):
    model = compiled(trio())
    fit(model, images_and_labels)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert is_frozen(loaded["teacher"]) and not is_frozen(loaded["a"])
    for go_on in (model, loaded):
        fit(go_on, images_and_labels)
    for one, other in zip(weights(model), weights(loaded), strict=True):
        np.testing.assert_array_equal(one, other)


@keras.saving.register_keras_serializable("tests")
class Block(LAYERS.Layer):
    """A layer with layers of its own, as residual blocks are."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = LAYERS.Dense(3)
        self.normalization = LAYERS.BatchNormalization()

    def build(self, shape):
        self.dense.build(shape)
        self.normalization.build((None, 3))

    def call(self, x, training=None):
        return self.normalization(self.dense(x), training=training)


def with_block(freeze, name="teacher"):
    """A member in which `freeze(member)` has frozen something."""
    layers = [keras.Input((8, 8, 1)), LAYERS.Flatten(), Block(), LAYERS.Dense(3)]
    member = keras.Sequential(layers, name=name)
    freeze(member)
    return member


def freeze_whole(member):
    member.trainable = False


def freeze_layers(member):
    for layer in member.layers:
        layer.trainable = False


def freeze_block(member):
    member.layers[1].trainable = False


def freeze_nested(member):
    """The same of a model within the member."""
    block, last = member.layers[1:]
    member.pop()
    member.pop()
    member.add(keras.Sequential([keras.Input((64,)), block]))
    member.add(last)
    block.trainable = False


@pytest.mark.parametrize(
    "freeze", [freeze_whole, freeze_layers, freeze_block, freeze_nested]
)
def test_layers_within_layers_stay_frozen_in_a_file(
    freeze, tmp_path, images_and_labels
):
    """Keras alone would train them: `findings/frozen_layer_loaded.sh`."""
    members = [linear("a"), with_block(freeze)]
    compiled(models.EnsembleModel(members)).save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    teacher = loaded["teacher"]
    in_part = freeze in (freeze_block, freeze_nested)
    assert is_frozen(teacher) == (not in_part)
    before = [w.numpy() for w in teacher.layers[1].weights]
    last = teacher.layers[2].kernel.numpy()
    fit(loaded, images_and_labels)
    for old, new in zip(before, teacher.layers[1].weights, strict=True):
        np.testing.assert_array_equal(old, new.numpy())
    moved = not np.array_equal(last, teacher.layers[2].kernel.numpy())
    assert moved == in_part


@pytest.mark.parametrize("freeze", [freeze_whole, freeze_layers])
def test_it_may_be_thawed_out_of_a_file(freeze, tmp_path, images_and_labels):
    """Its layers too, frozen in the file: `findings/trainable_set_again.sh`."""
    members = [linear("a"), with_block(freeze)]
    compiled(models.EnsembleModel(members)).save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    loaded["teacher"].trainable = True
    before = [w.numpy() for w in loaded["teacher"].trainable_weights]
    assert len(before) == 6
    fit(compiled(loaded), images_and_labels)
    for old, new in zip(before, loaded["teacher"].trainable_weights, strict=True):
        assert not np.array_equal(old, new.numpy())


def test_a_network_out_of_a_file_is_as_frozen_as_it_was(tmp_path):
    with_block(freeze_block).save(tmp_path / "own.keras")
    found = network_files.load(str(tmp_path / "own.keras"))
    assert len(found.trainable_weights) == 2  # of the last layer, and none of Block


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    """A network whose `get_config` leaves out whether it is trained."""

    def __init__(self, name=None):
        super().__init__(name=name)
        self.flatten, self.dense = LAYERS.Flatten(), LAYERS.Dense(3)

    def build(self, shape):
        self.dense.build((None, 64))
        self.built = True

    def call(self, x):
        return self.dense(self.flatten(x))

    def get_config(self):
        return {"name": self.name}


def test_a_teacher_of_a_class_of_one_s_own_stays_frozen(tmp_path, images_and_labels):
    teacher = Subclassed("teacher")
    teacher.build((None, 8, 8, 1))
    teacher.trainable = False
    compiled(models.EnsembleModel([linear("a"), teacher])).save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    before = state(loaded["teacher"])
    fit(loaded, images_and_labels)
    assert is_frozen(loaded["teacher"])
    for old, new in zip(before, state(loaded["teacher"]), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_layer_without_weights_is_left_as_it_is():
    """Also one whose `trainable` cannot be set."""

    class Fixed(LAYERS.Rescaling):
        trainable = property(lambda self: False)

    augment = keras.Sequential([LAYERS.RandomFlip(), LAYERS.Dropout(0.5)])
    member = keras.Sequential(
        [keras.Input((8, 8, 1)), augment, Fixed(0.1), LAYERS.Flatten(), LAYERS.Dense(3)]
    )
    freeze_again(member)
    assert augment.trainable and member.trainable and len(member.trainable_weights) == 2


def test_nothing_to_train_is_refused(images_and_labels):
    model = ensemble()
    for member in model.members:
        member.trainable = False
    with pytest.raises(ValueError, match="nothing is left to be trained, since all"):
        fit(compiled(model), images_and_labels)

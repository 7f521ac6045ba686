import numpy as np
import tensorflow as tf

from collaborative import datasets
from collaborative.experiments.config import ExperimentConfig
from collaborative.training import building


def test_initial_weights_depend_on_seed_and_member_only():
    def weights(member, **settings):
        config = ExperimentConfig(**settings)
        members = building.build_members(config, (8, 8, 1), 10)
        chosen = next(m for m in members if m.name == member)
        return np.concatenate([np.ravel(v) for v in chosen.trainable_variables])

    reference = weights("M")
    for same in ({"members": ("M",)}, {"method": "CE"}, {"members": ("M", "ST")}):
        np.testing.assert_array_equal(reference, weights("M", **same))
    assert not np.array_equal(reference, weights("M", seed=1))
    twins = {"members": ("M", "M")}
    assert not np.array_equal(weights("M", **twins), weights("M_2", **twins))


def test_a_model_is_built_with_its_optimizer(images_and_labels):
    """Else its step, while it is traced, makes a graph for each of its variables."""
    images, labels = images_and_labels
    examples = datasets.Examples(images, labels)
    dataset = datasets.Dataset("tiny", tuple("abc"), examples, examples, examples)
    config = ExperimentConfig("tiny", members=("ST", "ST"), epochs=1)
    model = building.build_model(config, dataset, steps=4)
    assert model.optimizer.built
    batch = images[:16], labels[:16]
    step = tf.function(lambda *data: model.train_step(data))
    graph = step.get_concrete_function(*map(tf.constant, batch)).graph
    assert not [op.name for op in graph.get_operations() if op.type == "If"]

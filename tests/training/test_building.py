import keras
import numpy as np
import pytest
import tensorflow as tf

from collaborative import datasets, register_network, resnet
from collaborative.experiments.config import ExperimentConfig
from collaborative.experiments.setting import ConfigError
from collaborative.system import environment, processor
from collaborative.training import building

pytestmark = pytest.mark.usefixtures("small_runs")


def test_initial_weights_depend_on_seed_and_member_only(monkeypatch):
    monkeypatch.setitem(resnet.PRESETS, "M", resnet.ResNetConfig(1, 1, 6))

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


@pytest.mark.parametrize(
    "precision, tf32", [("float32_exact", False), ("float32", True)]
)
def test_exact_float32_is_never_tf32(images_and_labels, precision, tf32):
    examples = datasets.Examples(*images_and_labels)
    dataset = datasets.Dataset("tiny", tuple("abc"), examples, examples, examples)
    config = ExperimentConfig("tiny", members=("ST",), precision=precision)
    model = building.build_model(config, dataset, steps=4)
    assert model.members[0].dtype_policy.name == "float32"
    assert tf.config.experimental.tensor_float_32_execution_enabled() is tf32


@pytest.mark.parametrize(
    "precision, jit, gpu, compiled",
    [
        ("float32", "auto", False, False),
        ("bfloat16", "auto", False, False),
        ("float16", "auto", False, True),
        ("float16", "off", False, False),
        ("float32", "on", False, True),
        ("float16", "auto", True, True),
        ("float32", "auto", True, True),
        ("float16", "off", True, False),
    ],
)
def test_xla_is_for_gpus_and_for_float16(monkeypatch, precision, jit, gpu, compiled):
    monkeypatch.setattr(environment, "has_gpu", lambda: gpu)
    monkeypatch.setattr(processor, "flags", lambda: {"avx512f", "avx512_bf16"})
    config = ExperimentConfig(precision=precision, jit=jit)
    assert building._use_jit(config) is compiled
    notes = building.precision_notes(config)
    assert bool(notes) == (precision == "float16" and not gpu)


@pytest.mark.parametrize(
    "flags, factor", [({"avx512_fp16"}, "18 to 150 times"), ({"avx512f"}, "7 times")]
)
def test_what_float16_takes_is_said_of_this_processor(monkeypatch, flags, factor):
    monkeypatch.setattr(environment, "has_gpu", lambda: False)
    monkeypatch.setattr(processor, "flags", lambda: flags)
    config = ExperimentConfig(precision="float16", jit="off")
    (note,) = building.precision_notes(config)
    assert factor in note and "leave --jit out" in note
    (note,) = building.precision_notes(ExperimentConfig(precision="float16"))
    assert "goes through XLA" in note and "--precision auto" in note


@pytest.mark.parametrize(
    "flags, factor",
    [
        ({"avx2"}, "takes 12 times"),
        ({"avx2", "avx512f"}, "takes 2 to 3 times"),
        ({"avx512f", "avx512_bf16"}, None),
        ({"amx_bf16"}, None),
    ],
)
def test_what_bfloat16_takes_is_said_where_it_is_slow(monkeypatch, flags, factor):
    monkeypatch.setattr(environment, "has_gpu", lambda: False)
    monkeypatch.setattr(processor, "is_x86", lambda: True)
    monkeypatch.setattr(processor, "flags", lambda: flags)
    notes = building.precision_notes(ExperimentConfig(precision="bfloat16"))
    assert [factor in note for note in notes] == ([True] if factor else [])
    assert not building.precision_notes(ExperimentConfig(precision="float32"))


def test_bfloat16_is_slow_without_onednn_on_any_processor(monkeypatch):
    monkeypatch.setattr(environment, "has_gpu", lambda: False)
    monkeypatch.setattr(processor, "is_x86", lambda: True)
    monkeypatch.setattr(processor, "flags", lambda: {"avx512f", "amx_bf16"})
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    (note,) = building.precision_notes(ExperimentConfig(precision="bfloat16"))
    assert note.startswith("oneDNN is off") and "4 times" in note
    assert environment.fastest_precision() == "float32"
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    assert not building.precision_notes(ExperimentConfig(precision="bfloat16"))
    assert environment.fastest_precision() == "bfloat16"


def test_nothing_is_said_of_processors_that_were_not_measured(monkeypatch):
    monkeypatch.setattr(environment, "has_gpu", lambda: False)
    monkeypatch.setattr(processor, "is_x86", lambda: False)
    assert not building.precision_notes(ExperimentConfig(precision="bfloat16"))


def test_members_that_cannot_be_trained_together_are_told_in_one_line(
    images_and_labels, registered
):
    @register_network("softmax")
    def softmax(input_shape, num_classes):
        inputs = keras.Input(input_shape)
        flat = keras.layers.Flatten()(inputs)
        return keras.Model(inputs, keras.layers.Dense(num_classes, "softmax")(flat))

    examples = datasets.Examples(*images_and_labels)
    dataset = datasets.Dataset("tiny", tuple("abc"), examples, examples, examples)
    config = ExperimentConfig("tiny", members=("softmax", "softmax"))
    wanted = "softmax, softmax_2 cannot be trained: members must return logits"
    with pytest.raises(ConfigError, match=wanted) as raised:
        building.build_model(config, dataset, steps=4)
    assert "\n" not in str(raised.value)


def test_the_model_collaborates_as_its_experiment_says(images_and_labels):
    examples = datasets.Examples(*images_and_labels)
    dataset = datasets.Dataset("tiny", tuple("abc"), examples, examples, examples)
    settings = {"method": "CE", "temperature": 2.0, "pull": ("ST_2=0.5",)}
    config = ExperimentConfig("tiny", members=("ST", "ST"), **settings)
    model = building.build_model(config, dataset, steps=30)
    assert model.collaboration == config.collaboration
    assert model.collaboration.pull == (1.0, 0.5)
    student = ExperimentConfig("tiny", members=("ST",), teacher=("M",), temperature=4.0)
    model = building.build_model(student, dataset, steps=30)
    assert model.collaboration == student.collaboration

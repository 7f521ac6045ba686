import keras
import numpy as np
import pytest
from collaborative.models import SingleModel

from collaborative.experiments.config import ExperimentConfig
from collaborative.experiments.setting import ConfigError
from collaborative.nn import network_files
from collaborative.nn.networks import build_network, register_network
from collaborative.training import building

SHAPE = (8, 8, 1)


def network(shape=SHAPE, units=3):
    layers = [keras.layers.Flatten(), keras.layers.Dense(units)]
    return keras.Sequential([keras.Input(shape), *layers])


def saved(path, model=None):
    (model or network()).save(path)
    return str(path)


def test_a_member_from_a_file_keeps_its_weights(tmp_path):
    model = network()
    path = saved(tmp_path / "my model.keras", model)
    config = ExperimentConfig(members=("ST", path))
    assert config.member_names == ("ST", "my_model")
    _, member = building.build_members(config, SHAPE, 3)
    assert member.name == "my_model"
    for one, other in zip(member.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_directory_is_named_by_the_file_and_not_by_its_path(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    config = ExperimentConfig(members=("ST", "~/my.keras"))
    assert config.members == ("ST", str(tmp_path / "my.keras"))
    members = config.run_dir("logs").parts[2]
    assert members.startswith("ST-my.") and len(members) == len("ST-my.123456")
    other = ExperimentConfig(members=("ST", "/elsewhere/my.keras"))
    assert other.run_dir("logs") != config.run_dir("logs")
    taught = ExperimentConfig(members=("ST",), teacher=("~/my.keras",))
    assert "teacher=my." in taught.run_dir("logs").parts[3]


@pytest.mark.parametrize(
    "stem, name", [("a b-c", "a_b_c"), ("1st", "m1st"), ("é", "m_"), ("v1.5", "v1.5")]
)
def test_names(stem, name):
    assert network_files.name_of(f"/x/{stem}.keras") == name


def test_names_that_clash():
    clash = ("/x/a.keras", "/y/a.keras", "/x/a_2.keras")
    with pytest.raises(ConfigError, match=r"the name a_2 .* another member's: rename"):
        ExperimentConfig(members=clash)
    with pytest.raises(ConfigError, match=r"the name ensemble .* is taken: rename"):
        ExperimentConfig(members=("ST", "/x/ensemble.keras"))
    with pytest.raises(ValueError, match="must not end like a file's"):
        register_network("a.keras")


def test_files_that_are_none(tmp_path):
    with pytest.raises(ValueError, match="there is no file"):
        network_files.check(str(tmp_path / "gone.keras"))
    path = tmp_path / "none.keras"
    path.write_text("text")
    with pytest.raises(ValueError, match="is no Keras model"):
        network_files.check(str(path))
    network_files.check("ST")


@pytest.mark.parametrize(
    "model, said",
    [
        (network(units=5), r"it must give logits \[batch, 3\], got \(None, 5\)"),
        (network((4, 4, 3)), r"images \[batch, 8, 8, 1\] .* takes \(None, 4, 4, 3\)"),
        (SingleModel(network()), "holds a trained model with the members"),
    ],
)
def test_models_that_do_not_fit(model, said, tmp_path):
    path = saved(tmp_path / "a.keras", model)
    with pytest.raises(ConfigError, match=said) as raised:
        building.build_members(ExperimentConfig(members=(path,)), SHAPE, 3)
    assert "\n" not in str(raised.value)


def test_sizes_that_a_model_leaves_open(tmp_path):
    layers = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3)]
    model = keras.Sequential([keras.Input((None, None, 1)), *layers])
    path = saved(tmp_path / "a.keras", model)
    built = build_network(path, SHAPE, 3, name="b", seed=1, dtype="float32")
    assert built.name == "b"


def test_members_that_start_from_equal_weights(tmp_path):
    path = saved(tmp_path / "a.keras")
    config = ExperimentConfig(members=(path, path, "ST"))
    members = building.build_members(config, SHAPE, 3)
    (line,) = building.equal_members(Together(members))
    assert line.startswith("a and a_2 start from equal weights: they have nothing to")


class Together:
    def __init__(self, members):
        self.members = members

import os

import pytest

from collaborative import datasets
from collaborative.data import own_names
from collaborative.experiments.config import ExperimentConfig
from collaborative.experiments.reference import dataset_label, paper_results
from collaborative.experiments.setting import ConfigError
from collaborative.runs import planning, pools


def test_one_way_to_write_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for given in ("folder:pets", "folder:./pets/", "folder:~/pets"):
        assert own_names.canonical(given) == f"folder:{tmp_path}/pets"
    for given in ("my.npz", "npz:my.npz", "~/My.NPZ"):
        assert own_names.canonical(given).lower() == f"npz:{tmp_path}/my.npz".lower()
    for other in ("mnist", "holdout:0.5", "huggingface:x", "imagenet_resized/8x8"):
        assert own_names.canonical(other) == other
        assert own_names.short_name(other) == other


@pytest.mark.parametrize("given", ["folder:", "npz:", "folder:a,b"])
def test_what_is_no_path(given):
    with pytest.raises(ConfigError, match="wants the path of your data after it"):
        ExperimentConfig(given)
    with pytest.raises(datasets.DatasetChoiceError, match="such as"):
        datasets.load(given)


@pytest.mark.parametrize(
    "name, starts",
    [
        ("folder:/a/pets", "pets-"),
        ("npz:/a/b/mnist.npz", "mnist-"),
        ("folder:/", "folder-"),
        ("folder:/a/.hidden dir", "hidden_dir-"),
        ("folder:/a/" + "x" * 300, "x" * 40 + "-"),
    ],
)
def test_short_names_are_parts_of_a_path(name, starts):
    short = own_names.short_name(name)
    assert short.startswith(starts) and os.sep not in short
    assert len(short) == len(starts) + 6
    assert short != own_names.short_name(name.replace(":/", ":/other/"))


def test_a_run_s_directory_has_no_path_in_it():
    config = ExperimentConfig("folder:/data/pets", unlabeled="folder:/data/wild")
    assert config == ExperimentConfig(**config.to_json())
    top, _, setting, _ = config.run_dir("").parts
    assert top == own_names.short_name("folder:/data/pets")
    short = own_names.short_name("folder:/data/wild")
    assert setting == f"L2_0.01,unlabeled={short}"
    assert "--dataset=folder:/data/pets" in pools.command(config, {})
    assert dataset_label(config.dataset) == top and paper_results(config) == {}
    larger = ExperimentConfig("folder:/data/pets", image_size="64x64")
    loads = [planning.workload_of(one.to_json()) for one in (config, larger)]
    assert loads[0] != loads[1]


def test_data_that_was_moved(tmp_path):
    (tmp_path / "new/pets").mkdir(parents=True)
    name = f"folder:{tmp_path}/old/pets"
    assert own_names.path(name) == tmp_path / "old/pets"
    assert own_names.path(name, tmp_path / "new") == tmp_path / "new/pets"
    assert own_names.path(name, tmp_path) == tmp_path / "old/pets"


def test_color_mode_is_for_pictures():
    assert ExperimentConfig("folder:a", color_mode="rgb").color_mode == "rgb"
    with pytest.raises(ConfigError, match="color_mode is for a folder of pictures"):
        ExperimentConfig("mnist", color_mode="rgb")
    with pytest.raises(ConfigError, match="one of grayscale, rgb, got 'grey'"):
        ExperimentConfig("folder:a", color_mode="grey")

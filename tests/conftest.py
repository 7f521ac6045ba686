"""Shared by all tests: small data, real data."""

import gc
import json
import os
import pathlib
import pickle
import sys
import urllib.error

import numpy as np
import pytest
from forking import Python

from collaborative.system import libraries

ROOT = pathlib.Path(__file__).resolve().parents[1]
REAL_DATA = ROOT.parent / "shared" / "data" / "tfds"
needs_real_data = pytest.mark.skipif(
    not REAL_DATA.exists(), reason="needs ../shared/data"
)
libraries.switch_onednn_on()  # before TensorFlow is imported, as the commands do


# The longest, in this order, so that two workers (`pytest -n 2`) end together.
FIRST = (
    "test_the_pages_can_be_followed",
    "test_the_fresh_process_has_none_of_our_code",
    "test_it_trains_reports_exports_and_predicts",
    "test_sigterm_says_how_to_go_on",
    "test_xla_computes_blocks_of_steps",
)


def pytest_collection_modifyitems(items):
    """Sorts the longest tests to the front, the others stay in their order."""
    places = {name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: places.get(item.originalname, len(FIRST)))


def pytest_collection_finish():
    """What is imported stays: it need not be looked through for garbage each time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Where the quick tests are run, `eager` ones trace no graph, which takes seconds.

    Graphs of the others are not optimized, a seventh of their time. `make test-all`
    runs all with graphs that are, as users do; so do commands in their own processes.
    """
    mark = item.get_closest_marker("eager")
    is_quick = item.config.option.markexpr == "not slow"
    if tensorflow := sys.modules.get("tensorflow"):
        is_eager = is_quick and mark is not None and mark.args != (False,)
        tensorflow.config.run_functions_eagerly(is_eager)
        optimizer = {"disable_meta_optimizer": is_quick}
        tensorflow.config.optimizer.set_experimental_options(optimizer)


def processor_seconds():
    """Of this process and of those that it waited for, however busy the machine is."""
    return sum(os.times()[:4])


@pytest.fixture(scope="session")
def python():
    """Runs `python ARGUMENTS` without the seconds that TensorFlow's import takes."""
    forking_python = Python()
    yield forking_python
    forking_python.close()


@pytest.fixture
def forked(python, monkeypatch):
    """What this process starts by `sys.executable` is a fork as well."""
    monkeypatch.setattr(sys, "executable", python.program)


@pytest.fixture
def benchmark(python):
    """Gives what a script of benchmarks/ prints; shows its errors where it fails."""

    def run(name, *options):
        process = python(ROOT / "benchmarks" / f"{name}.py", *options)
        assert process.returncode == 0, process.stderr
        return process.stdout

    return run


@pytest.fixture
def run_command(capsys):
    """Runs a command's module in this process: (status, stdout, lines of stderr)."""
    flags = []

    def run(program, *arguments):
        flags.append(program.FLAGS)
        script = program.__name__.removeprefix("collaborative.") + ".py"
        try:
            status = program.main([script, *map(str, arguments)])
        except SystemExit as error:
            status = error.code
        captured = capsys.readouterr()
        return status, captured.out, captured.err.splitlines()

    yield run
    for flag_values in flags:
        for flag in flag_values:
            flag_values[flag].unparse()


@pytest.fixture
def no_host(monkeypatch):
    """The URLs that were asked for, none of which answers."""
    asked = []

    def urlopen(request, timeout):
        asked.append(request.full_url)
        raise urllib.error.URLError("no route")

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    return asked


@pytest.fixture(scope="session")
def images_and_labels():
    """96 images of 8x8x1 in three classes, told apart by their brightness."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 96)
    images = labels[:, None, None, None] * 80 + rng.integers(0, 60, (96, 8, 8, 1))
    images = images.astype(np.uint8)
    for shared in (images, labels):
        shared.setflags(write=False)
    return images, labels


@pytest.fixture(scope="session")
def tiny(images_and_labels):
    """A data set of 64 training and 32 test images of these."""
    from collaborative import datasets

    images, labels = images_and_labels
    train = datasets.Examples(images[:64], labels[:64])
    test = datasets.Examples(images[64:], labels[64:])
    none = datasets.Examples(images[:0], labels[:0])
    return datasets.Dataset("tiny", ("dark", "grey", "light"), train, none, test)


@pytest.fixture(scope="session")
def paper():
    """The author's runs; only to be read, which pandas's copies on write hold."""
    from collaborative.runs import author_runs

    return author_runs.load()


@pytest.fixture(scope="session")
def paper_claims(paper):
    """The claims, checked on the author's runs without measured times."""
    from collaborative.report.claims import verdicts

    return verdicts.check_all(paper)


@pytest.fixture(scope="module")
def quick_pages(paper, paper_claims):
    """Figures are made, but not drawn; what each page has of the author's is shared."""
    from collaborative.report import figures
    from collaborative.report.claims import verdicts
    from collaborative.runs import author_runs

    check_all = verdicts.check_all

    def save(figure, directory, name, suffixes):
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{name}.svg"
        path.write_text("<svg/>")
        return path

    def check(runs, *others):
        return paper_claims if runs is paper else check_all(runs, *others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "save", save)
        patch.setattr(author_runs, "load", lambda: paper)
        patch.setattr(verdicts, "check_all", check)
        yield


@pytest.fixture(scope="module")
def no_curves():
    """Logs draw empty curves, which takes no time."""
    from matplotlib.figure import Figure

    from collaborative import logger

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logger, "draw_curves", lambda *_: Figure((1, 1), dpi=10))
        yield


@pytest.fixture(scope="module")
def small_runs(no_curves):
    """Runs without their seconds: a smaller network named ST, and empty curves."""
    from collaborative import resnet

    small = resnet.ResNetConfig(bricks=1, repetitions=1, filters=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(resnet.PRESETS, "ST", small)
        yield


@pytest.fixture
def fast_polls(monkeypatch):
    """Sweeps hardly wait before they look at their runs again."""
    monkeypatch.setattr("collaborative.runs.sweep.POLL_SECONDS", 0.001)


@pytest.fixture
def registered():
    """Takes away what a test registers."""
    from collaborative.collaboration import TOPOLOGIES
    from collaborative.costs import METHODS
    from collaborative.nn.callbacks import CALLBACKS
    from collaborative.nn.networks import NETWORKS
    from collaborative.schedules import SCHEDULES

    registries = METHODS, TOPOLOGIES, SCHEDULES, NETWORKS, CALLBACKS
    before = [dict(registry) for registry in registries]
    yield
    for registry, things in zip(registries, before, strict=True):
        registry.clear()
        registry.update(things)


@pytest.fixture
def fresh_flags():
    """Puts the flags of run_experiments back after a test that parses some."""
    yield
    from collaborative.experiments import flags

    for flag in flags.FLAGS:
        flags.FLAGS[flag].unparse()


def recorded_answers(images, answers, cost=1.0):
    """As much of a run's record as comparisons over its test images need."""
    models = {name: {"nll": cost} for name in answers}
    return {"images": images, "answers": answers, "models": models}


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory):
    """The directory that a run on some digits leaves, with chosen scores."""
    # Here, since they import TensorFlow, which many tests do without.
    from collaborative.models import EnsembleModel

    from collaborative.experiments.config import ExperimentConfig
    from collaborative.training import building

    config = ExperimentConfig(members=("ST", "ST"), epochs=1, truncate=64)
    directory = tmp_path_factory.mktemp("run")
    members = building.build_members(config, (8, 8, 1), 10)
    for member in members:
        moments = member.layers[1]  # of the images
        moments.set_weights([np.float32([80]), np.float32([100**2])])
    EnsembleModel(members).save(directory / "model.keras")
    record = {
        "config": config.to_json(),
        "data": {"train": 64, "validation": 0, "test": 64},
        "class_names": list("0123456789"),
        "versions": {"tensorflow": "2.21.0", "keras": "3.15.1"},
        "git_revision": "abc",
        "device": "a processor",
    }
    (directory / "config.json").write_text(json.dumps(record))
    scores = {"test_error": np.array([0.9, 0.25]), "test_cost": np.array([2.3, 0.5])}
    statistics = {
        "params": config.to_json(),
        "start_time": 0.0,
        "end_time": 1.0,
        "totals": {},
    }
    statistics["models"] = dict.fromkeys(("ST", "ST_2", "ensemble"), scores)
    (directory / "stats.pkl").write_bytes(pickle.dumps(statistics, protocol=4))
    return directory

import pytest
from logged_runs import logged_run

from collaborative.experiments.config import ExperimentConfig
from collaborative.runs.memory import ASSUMED, Memory

GIB = 2**30
FIRST, SECOND, THIRD = (ExperimentConfig(seed=seed, epochs=9) for seed in (1, 2, 3))
OTHER = ExperimentConfig("mnist")


class Taking:
    """A process that takes memory."""

    def __init__(self, now, peak):
        self._taken = now * GIB, peak * GIB

    def memory(self):
        return self._taken


def test_what_is_not_known_is_assumed(tmp_path):
    memory = Memory(tmp_path)
    assert memory.need(FIRST) is None
    assert memory.suffices(FIRST, ASSUMED) and not memory.suffices(FIRST, ASSUMED - 1)
    assert memory.shortage(FIRST, 0, 2) is None  # nobody knows that it will not do
    memory.begin(FIRST)
    assert memory.suffices(SECOND, 2 * ASSUMED)
    assert not memory.suffices(SECOND, 2 * ASSUMED - 1)
    memory.measure(FIRST, Taking(1, 1))  # has taken a part of it
    assert memory.suffices(SECOND, 2 * ASSUMED - GIB)


def test_an_epoch_tells_what_others_of_its_kind_need(tmp_path):
    memory = Memory(tmp_path)
    logged_run(FIRST, tmp_path, epochs=2)  # by an earlier sweep
    memory.begin(FIRST)
    memory.measure(FIRST, Taking(1, 2))
    assert memory.need(SECOND) is None
    logged_run(FIRST, tmp_path, epochs=3)
    memory.measure(FIRST, Taking(1, 2))
    assert memory.need(SECOND) == pytest.approx(2.2 * GIB)
    assert memory.need(OTHER) is None
    memory.measure(FIRST, Taking(1, 3))
    assert memory.need(SECOND) == pytest.approx(3.3 * GIB)
    assert memory.end(FIRST) == 3 * GIB
    assert memory.need(SECOND) == pytest.approx(3.3 * GIB)


def test_those_that_run_keep_what_they_will_need(tmp_path):
    memory = Memory(tmp_path)
    memory.begin(FIRST)
    logged_run(FIRST, tmp_path)
    memory.measure(FIRST, Taking(1, 2))
    # 2.2 GiB for the next, and 1.2 that the first may still take.
    assert memory.suffices(SECOND, 3.41 * GIB)
    assert not memory.suffices(SECOND, 3.39 * GIB)
    assert memory.shortage(SECOND, 3 * GIB, slots=4) == (
        "memory: an experiment needs 2.2 GiB, and 1.8 GiB are left: 1 at once, not 4"
    )
    memory.end(FIRST)
    assert memory.suffices(SECOND, 2.21 * GIB)
    assert memory.shortage(SECOND, 2 * GIB, slots=4) == (
        "memory: an experiment needs 2.2 GiB, and 2.0 GiB are free: it is started all "
        "the same, and may be killed; a smaller --batch_size needs less"
    )


def test_one_that_was_killed_needs_what_it_had(tmp_path):
    memory = Memory(tmp_path)
    for config, killed in ((FIRST, False), (SECOND, True)):
        memory.begin(config)
        memory.measure(config, Taking(1, 1))
        assert memory.end(config, killed) == GIB
        assert (memory.need(THIRD) is not None) == killed

"""The arms of a study against their controls, by hand-made errors and answers."""

import numpy as np
import pandas as pd
import pytest
from conftest import recorded_answers
from scipy import stats

from collaborative.experiments.study import Study
from collaborative.report import layout
from collaborative.report.studies import families

STUDY = Study(
    "What helps?",
    {"apart": {}, "a": {}, "b": {}, "other": {}, "c": {}, "large": {}},
    controls={"a": "apart", "b": "apart", "large": "apart", "c": "other"},
    compared=("ST", "ensemble"),
    counts_as={"M17": "ensemble"},
)
ARMS = ("apart", "a", "b", "other", "c")
SEEDS = (1, 2, 3)


def drawn(seeds=SEEDS):
    """Errors of ST: `a` is better by 2 points; by arm, model and seed."""
    rng = np.random.default_rng(0)
    values = rng.normal(10, 0.3, (len(ARMS), 1, len(seeds))) + rng.normal(size=3)[:1]
    values[ARMS.index("a")] -= 2
    index = pd.MultiIndex.from_product(
        [ARMS, ["ST"], seeds], names=["arm", "model", "seed"]
    )
    return pd.Series(values.reshape(-1), index)


def names(seeds=SEEDS):
    return {arm: {seed: f"{arm}/{seed}" for seed in seeds} for arm in ARMS}


def test_what_seeds_leave_open_is_estimated_from_all_arms():
    """With 5 arms and 3 seeds 8 degrees of freedom are left of 15 numbers."""
    errors = drawn()
    found = families.differences(STUDY, errors, names(), {})
    values = errors.unstack("seed").droplevel("model")
    rest = (
        values.sub(values.mean(axis=1), axis=0) - values.mean() + values.values.mean()
    )
    spread = np.sqrt((rest**2).to_numpy().sum() / 8)
    alone = found["c", "other", "ST"]  # a family of one
    width = stats.t.ppf(0.975, 8) * spread * np.sqrt(2 / 3)
    assert alone.half_width == pytest.approx(width, rel=0.02)  # of draws
    clear = found["a", "apart", "ST"]
    assert clear.below is True and clear.seeds == 3
    assert clear == layout.against(values, "apart", ["a", "b", "large"])["a"]
    assert clear.half_width > alone.half_width  # they hold together


def test_families_are_those_of_one_control():
    assert families.by_control(STUDY) == {"apart": ["a", "b", "large"], "other": ["c"]}
    without = drawn().drop("other")
    found = families.differences(STUDY, without, names(), {})
    assert set(found) == {("a", "apart", "ST"), ("b", "apart", "ST")}


def test_of_one_seed_among_several_the_wider_interval_counts():
    errors = drawn().drop([("b", "ST", 2), ("b", "ST", 3)])
    values = errors.unstack("seed").droplevel("model")
    pooled = layout.against(values, "apart", ["a", "b", "large"])["b"]

    def found(changed):
        records = {"apart/1": recorded(ST=0), "b/1": recorded(ST=changed)}
        return families.differences(STUDY, errors, names(), records)["b", "apart", "ST"]

    assert pooled.seeds == 1 and found(1) == pooled
    images = found(200)
    width = 100 * stats.norm.ppf(1 - 0.05 / 2 / 2) * (0.5 / 400) ** 0.5
    assert images.half_width == pytest.approx(width)
    assert images.half_width > pooled.half_width
    assert images.mean == pooled.mean and np.isnan(images.p_value)


def test_less_knowledge_of_images_narrows_nothing():
    """All seeds have the same test images; of one seed's answers nothing is known."""
    errors = drawn()
    runs = [run for by_seed in names().values() for run in by_seed.values()]
    records = {run: recorded(ST=40 * run.startswith("a/")) for run in runs}
    whole = families.differences(STUDY, errors, names(), records)["a", "apart", "ST"]
    part = families.differences(STUDY, errors, names(), records | {"a/2": None})
    none = families.differences(STUDY, errors, names(), {})["a", "apart", "ST"]
    assert part["a", "apart", "ST"] == whole
    assert whole.half_width > 2 * none.half_width


def recorded(**answers):
    changed = {name: (np.arange(400) < count) * 1 for name, count in answers.items()}
    return recorded_answers(np.arange(400), changed)


def test_one_seed_has_what_its_test_images_leave_open():
    errors = drawn((1,))
    large = pd.Series({("apart", "ensemble", 1): 9.0, ("large", "ensemble", 1): 9.5})
    errors = pd.concat([errors, large]).rename_axis(errors.index.names)
    records = {
        "apart/1": recorded(ST=0, M=0, ensemble=0),
        "a/1": recorded(ST=4, M=0, ensemble=0),
        "b/1": recorded(ST=4, ST_2=0, ensemble=0),
        "large/1": recorded(M17=4),
    }
    runs = names((1,)) | {"large": {1: "large/1"}}
    found = families.differences(STUDY, errors, runs, records)
    # 1 % of 400 images change; ST has a family of two.
    width = 100 * stats.norm.ppf(1 - 0.05 / 2 / 2) * (0.01 / 400) ** 0.5
    assert found["a", "apart", "ST"].half_width == pytest.approx(width)
    # Of the mean of two ST, of which one changes: the quadratic mean of both. Where
    # no answer changes, one image counts.
    of_mean = width * ((1 + 1 / 4) / 2) ** 0.5
    assert found["b", "apart", "ST"].half_width == pytest.approx(of_mean)
    assert np.isnan(found["c", "other", "ST"].half_width)  # nothing is recorded
    width = 100 * stats.norm.ppf(0.975) * (0.01 / 400) ** 0.5
    assert found["large", "apart", "ensemble"].half_width == pytest.approx(width)


def test_an_arm_that_trains_the_same_network_is_no_repetition():
    """Arm "c" is bit for bit its control "other", "b" is "a": each counts once."""
    errors = drawn()
    for arm, copied in (("c", "other"), ("b", "a")):
        errors[arm] = errors[copied].to_numpy()
    runs = [run for by_seed in names().values() for run in by_seed.values()]
    changed = {"apart": 10, "a": 20, "b": 20, "other": 30, "c": 30}
    records = {run: recorded(ST=changed[run.split("/")[0]]) for run in runs}
    found = families.differences(STUDY, errors, names(), records)
    once = errors.drop(["b", "c"])
    expected = families.differences(STUDY, once, names(), records)
    assert set(found) == {("a", "apart", "ST"), ("b", "apart", "ST")}
    assert found["a", "apart", "ST"] == found["b", "apart", "ST"]
    for number in ("mean", "half_width"):
        once = getattr(expected["a", "apart", "ST"], number)
        assert getattr(found["a", "apart", "ST"], number) == pytest.approx(once)
    # Equal errors alone are chance: "c" answers other images than "other".
    records |= {run: recorded(ST=31) for run in runs if run.startswith("c/")}
    found = families.differences(STUDY, errors, names(), records)
    assert ("c", "other", "ST") in found

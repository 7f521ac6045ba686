import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from collaborative.report import layout
from collaborative.runs import run_table

CONTROL = "Single"


def table(seed=0, settings=13, seeds=3, spread=0.3):
    rng = np.random.default_rng(seed)
    names = [*(f"s{n}" for n in range(settings - 1)), CONTROL]
    rest = spread * rng.standard_normal((settings, seeds))
    values = 7 + 2 * rng.standard_normal(seeds) + rest
    return pd.DataFrame(values, names, range(912, 912 + seeds))


def series(**values):
    return pd.Series({int(seed[1:]): value for seed, value in values.items()})


def test_pairs_are_of_seeds_that_both_have():
    a, b = series(s1=1.0, s2=5.0, s3=9.0), series(s2=5.5, s1=1.4, s4=0.0)
    found = layout.paired(a - b)
    assert found.seeds == 2
    assert found.mean == pytest.approx(-0.45)
    # Gaps -0.4 and -0.5: s = 0.0707, t(1) = 12.706.
    assert found.half_width == pytest.approx(12.7062 * 0.05, rel=1e-4)
    assert found.p_value == pytest.approx(0.0704, abs=1e-4)
    assert found.below is None  # the interval includes zero


def test_when_one_is_below_the_other():
    one = layout.paired(series(s1=1.0) - series(s1=2.0))
    assert one.below is True and one.seeds == 1 and math.isnan(one.half_width)
    assert layout.paired(series(s1=2.0) - series(s1=2.0)).below is None
    many, more = series(s1=1.0, s2=2.0, s3=3.0), series(s1=2.0, s2=3.01, s3=4.0)
    assert layout.paired(many - more).below is True
    assert layout.paired(more - many).below is False


def test_equal_gaps_have_no_spread():
    found = layout.paired(series(s1=0.3, s2=1.3) - series(s1=0.1, s2=1.1))
    assert (found.mean, found.below) == (0.2, False)
    assert math.isnan(found.half_width) and math.isnan(found.p_value)
    same = layout.paired(series(s1=0.3, s2=1.3) - series(s1=0.3, s2=1.3))
    assert same.mean == 0 and same.below is None


def test_equal_counts_of_few_images_are_equal_gaps():
    """Of 359 images, as fractions that a run keeps: 5 - 3 and 9 - 7 are two errors."""
    wrong = pd.DataFrame({912: [5, 3, 4], 913: [9, 7, 8]}, ["s0", CONTROL, "s1"])
    errors = run_table.percent((wrong / 359).astype(np.float32))
    for found in (
        layout.paired(errors.loc["s0"] - errors.loc[CONTROL]),
        layout.against(errors, CONTROL)["s0"],
    ):
        assert math.isnan(found.half_width) and found.below is False


def test_two_settings_are_a_paired_t_test():
    values = table(settings=2, seeds=4)
    found = layout.against(values, CONTROL)["s0"]
    test = stats.ttest_rel(values.loc["s0"], values.loc[CONTROL])
    low, high = test.confidence_interval()
    assert found.mean == pytest.approx((low + high) / 2)
    assert found.half_width == pytest.approx((high - low) / 2, rel=0.01)  # of draws
    assert found.p_value == pytest.approx(test.pvalue, abs=0.005)
    assert found.seeds == 4


def test_the_rest_is_estimated_from_all_settings():
    values = table()
    rest = values.sub(values.mean(axis=1), axis=0)
    rest = rest - rest.mean()
    error = math.sqrt((rest**2).to_numpy().sum() / 24 * 2 / 3)
    found = layout.against(values, CONTROL)
    for setting, difference in found.items():
        expected = values.loc[setting].mean() - values.loc[CONTROL].mean()
        assert difference.mean == pytest.approx(expected)
        # Dunnett's two-sided 5 % quantile for 12 comparisons and 24 degrees of freedom
        # lies between those for 20 and 30 in his table of 1964: 3.03 and 2.93.
        assert 2.93 <= difference.half_width / error <= 3.03
    assert list(found) == [name for name in values.index if name != CONTROL]


def test_what_was_chosen_before_is_a_family_of_its_own():
    values = table()
    whole = layout.against(values, CONTROL)["s3"]
    alone = layout.against(values, CONTROL, ("s3",))
    assert list(alone) == ["s3"]
    assert alone["s3"].mean == pytest.approx(whole.mean)
    ratio = alone["s3"].half_width / whole.half_width
    assert ratio == pytest.approx(stats.t.ppf(0.975, 24) / 2.98, rel=0.03)
    assert alone["s3"].p_value <= whole.p_value


def test_a_seed_s_part_cancels():
    values = table()
    moved = values.add([0.0, 50.0, -20.0])
    before, after = (layout.against(v, CONTROL)["s1"] for v in (values, moved))
    assert after.mean == pytest.approx(before.mean)
    assert after.half_width == pytest.approx(before.half_width)


def test_a_run_that_is_missing_costs_its_setting_a_pair():
    values = table(seeds=4)
    values.loc["s2", 912] = np.nan
    found = layout.against(values, CONTROL)
    assert [found[s].seeds for s in ("s1", "s2")] == [4, 3]
    assert found["s2"].half_width > found["s1"].half_width
    values.loc["s2"] = np.nan
    assert "s2" not in layout.against(values, CONTROL)


def test_a_wild_setting_is_compared_by_its_own_seeds():
    values = table(seeds=5)
    calm = layout.against(values, CONTROL)
    values.loc["s4"] += [4.0, -3.0, 0.0, 5.0, -4.0]
    assert layout.alike(values, CONTROL) == tuple(values.index.drop("s4"))
    found = layout.against(values, CONTROL)
    gaps = values.loc["s4"] - values.loc[CONTROL]
    own = stats.t.ppf(1 - 0.05 / 12 / 2, 4) * gaps.std() / math.sqrt(5)
    assert found["s4"].half_width == pytest.approx(own)
    assert found["s1"].half_width == pytest.approx(calm["s1"].half_width, rel=0.15)


def test_the_control_stays():
    values = table(seeds=5)
    values.loc[CONTROL] += [4.0, -3.0, 0.0, 5.0, -4.0]
    assert CONTROL not in layout.alike(values)
    assert layout.alike(values, CONTROL) == tuple(values.index)


def test_one_seed_has_a_sign_and_no_interval():
    found = layout.against(table(seeds=1), CONTROL)
    assert len(found) == 12
    for difference in found.values():
        assert math.isnan(difference.half_width) and difference.seeds == 1
        assert difference.below is (difference.mean < 0)
        assert "±" not in difference.text()


def test_settings_that_never_vary_have_no_spread():
    values = table(spread=0.0)
    values.loc["s1"] -= 1
    found = layout.against(values.round(9), CONTROL)
    assert found["s1"].mean == -1.0 and math.isnan(found["s1"].half_width)
    assert found["s1"].below is True and found["s2"].below is None


def test_a_number_of_one_setting_varies_with_the_seeds_too():
    values = table(seeds=5)
    found = layout.mean(values, "s1")
    own = values.loc["s1"]
    assert found.mean == pytest.approx(own.mean()) and found.seeds == 5
    # Nearly all of the variance is the seeds': 4 degrees of freedom, as for its own.
    own_width = stats.t.ppf(0.975, 4) * own.std() / math.sqrt(5)
    assert found.half_width == pytest.approx(own_width, rel=0.25)
    still = values - values.mean()  # no part of a seed: 60 or so degrees of freedom
    error = math.sqrt((still.to_numpy().std() ** 2) / 5)
    assert layout.mean(still, "s1").half_width == pytest.approx(2 * error, rel=0.15)


def test_a_mean_without_partners_is_its_own():
    values = table(seeds=3, settings=2).drop(index=CONTROL)
    found = layout.mean(values, "s0")
    test = stats.ttest_1samp(values.loc["s0"], 0)
    assert found.p_value == pytest.approx(test.pvalue)
    assert layout.mean(values * np.nan, "s0") is None


def test_intervals_hold_together():
    rng = np.random.default_rng(1)
    held = [
        all(d.below is None for d in layout.against(table(seed), CONTROL).values())
        for seed in rng.integers(1e9, size=200)
    ]
    assert 0.90 <= np.mean(held) <= 0.99


def test_no_p_value_is_nought():
    """It is a share of draws, of which none may be as large."""
    none, half = (layout.Difference(-2.0, 0.5, p, 2).text() for p in (0.0, 0.5))
    assert none == "-2.00 ± 0.50 (p < 1e-05, n = 2)"
    assert half == "-2.00 ± 0.50 (p = 0.5, n = 2)"


def test_a_family_of_one_is_student_s_t():
    values = table()
    found = layout.against(values, CONTROL, ("s3",))["s3"]
    rest = values.sub(values.mean(axis=1), axis=0)
    rest = rest - rest.mean()
    error = math.sqrt((rest**2).to_numpy().sum() / 24 * 2 / 3)
    assert found.half_width == pytest.approx(stats.t.ppf(0.975, 24) * error, rel=1e-12)
    expected = 2 * stats.t.sf(abs(found.mean) / error, 24)
    assert found.p_value == pytest.approx(expected, rel=1e-9)


def test_of_few_settings_none_is_taken_out():
    """What varies most among so few does so by chance as often as not."""
    values = table(settings=9, seeds=5)
    values.loc["s4"] += [4.0, -3.0, 0.0, 5.0, -4.0]
    assert layout.alike(values, CONTROL) == tuple(values.index)


def test_of_one_degree_of_freedom_none_is_taken_out():
    values = table(seeds=2)
    values.loc[values.index[2:], 913] = np.nan
    assert layout.alike(values, "s0") == tuple(values.index)
    found = layout.against(values, "s0")["s1"]
    gaps = values.loc["s1"] - values.loc["s0"]
    own = stats.t.ppf(0.975, 1) * gaps.std() / math.sqrt(2)
    assert found.half_width > own  # one of twelve comparisons

"""Studies over a scale of weights: their table, their figure, and the page."""

import html

import pytest
from finished_runs import load, synthetic_curves, write_run

from collaborative.experiments import studies
from collaborative.report import layout, page
from collaborative.report.studies import findings, results, scales

SMALL = {"dataset": "digits", "truncate": 0, "epochs": 3}
STUDY = studies.STUDIES["diversity"]
# By arm: test error in %, ambiguity on training and on test images, in nats.
ARMS = {
    "ST, M, b = 0": (10.0, 0.10, 0.15),
    "ST, M, b = 1": (12.0, 0.90, 0.50),
    "ST, M, b = -30": (11.0, 0.01, 0.01),
    "ST, ST, b = 0": (10.0, 0.20, 0.15),
}


@pytest.fixture
def runs(tmp_path):
    """Runs of four arms: the costs of each pair of members are 1 apart."""
    arms = STUDY.configs((912, 913), **SMALL)
    for arm, (error, train, test) in ARMS.items():
        for config in arms[arm][""]:
            models = synthetic_curves(config, 0.5)
            for place, curves in enumerate(models.values()):
                curves["test_error"][-1] = (error + config.seed - 912) / 100
                for images, ambiguity in (("train", train), ("test", test)):
                    costs = (0.5, 1.5, 1 - ambiguity)  # the members' mean is 1
                    curves[f"{images}_cost"][-1] = costs[place]
            write_run(tmp_path, config, models)
    return load(tmp_path)[0]


def recorded(finding):
    """Records as far as they are used here, of all runs but one."""
    names = [name for by_seed in finding.names.values() for name in by_seed.values()]
    models = {"ST": 0.01, "ST_2": 0.03, "M": 0.02, "ensemble": 0.05}
    scores = {name: {"ece": ece} for name, ece in models.items()}
    return {name: {"models": scores, "disagreement": 0.25} for name in names[1:]}


def test_ambiguity_is_what_the_members_mean_cost_exceeds_the_ensemble_s(runs):
    (finding,) = findings.findings(runs, {})
    found = scales.measured(finding, runs, recorded(finding))
    assert set(found.index.unique("arm")) == set(ARMS)
    for arm, (_, train, test) in ARMS.items():
        columns = ["ambiguity_train", "ambiguity_test", "gap"]
        assert found.loc[(arm, 913), columns].tolist() == pytest.approx(
            [train, test, train - test]
        )
    first = found.loc["ST, M, b = 0"]
    assert first.loc[912, ["disagreement", "ece_M"]].isna().all()
    names = ["disagreement", "ece_ST", "ece_M", "ece_ensemble"]
    assert first.loc[913, names].tolist() == pytest.approx([25, 2, 2, 5])


def test_the_gap_is_compared_with_the_control_s(runs):
    (finding,) = findings.findings(runs, {})
    table = scales.table(finding, scales.measured(finding, runs, recorded(finding)))
    assert table.header == (
        "arm", "ambiguity, training", "test", "gap", "difference",
        "members disagree %", "ECE % ST", "ECE % M", "ECE % Ens",
    )  # fmt: skip
    by_arm = {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}
    assert list(by_arm) == [arm for arm in STUDY.arms if arm in ARMS]
    assert by_arm["ST, M, b = 0"][2:5] == ["-0.050 ± 0.000", "-", "25.00"]
    assert by_arm["ST, M, b = 1"][3] == "+0.450"  # at both seeds
    assert by_arm["ST, M, b = 1"][5:] == ["2.00 ± 0.00", "2.00 ± 0.00", "5.00 ± 0.00"]
    without = scales.table(finding, scales.measured(finding, runs, {}))
    assert {row[-1].text for row in without.rows} == {"-"}


def test_gaps_with_one_control_hold_together(runs):
    control, *arms = (arm for arm in ARMS if arm.startswith("ST, M"))
    (finding,) = findings.findings(runs, {})
    on_scale = scales.measured(finding, runs, {})
    on_scale.loc[(arms[0], 913), "gap"] += 0.01  # or nothing would be left open
    gaps = on_scale["gap"].unstack("seed")
    together, alone = (
        results.difference_text(layout.against(gaps, control, family)[arms[0]], 3)
        for family in (arms, arms[:1])
    )
    table = scales.table(finding, on_scale)
    (said,) = (row[4].text for row in table.rows if row[0].text == arms[0])
    assert said == together != alone


@pytest.mark.parametrize("narrow", [False, True])
def test_each_pair_of_members_has_errors_and_ambiguity_over_the_scale(runs, narrow):
    (finding,) = findings.findings(runs, {})
    drawn = scales.figure(finding, scales.measured(finding, runs, {}), narrow)
    errors, ambiguity, other, _ = drawn.axes
    assert (errors.get_title(), other.get_title()) == ("ST, M", "ST, ST")
    st = next(line for line in errors.lines if line.get_label() == "ST")
    assert st.get_xdata().tolist() == [-30, 0, 1]
    assert st.get_ydata().tolist() == pytest.approx([11.5, 10.5, 12.5])
    train = next(line for line in ambiguity.lines if line.get_label() == "train")
    assert train.get_ydata().tolist() == pytest.approx([0.01, 0.1, 0.9])
    assert ambiguity.get_xlabel() == "b" and ambiguity.get_xscale() == "symlog"


def test_the_marks_at_the_ends_are_inside_and_errors_can_be_read(runs):
    (finding,) = findings.findings(runs, {})
    drawn = scales.figure(finding, scales.measured(finding, runs, {}))
    drawn.canvas.draw()
    axes = drawn.axes[0]
    ends = axes.transAxes.inverted().transform(axes.transData.transform([(-30, 11)]))
    assert 0.02 < ends[0, 0] < 0.1
    low, high = axes.get_ylim()
    labels = [label.get_text() for label in axes.get_yticklabels()]
    places = dict(zip(axes.get_yticks(), labels, strict=True))
    assert len([text for at, text in places.items() if low <= at <= high and text]) > 3


def test_lines_are_means_over_the_seeds_that_all_places_have(runs):
    fewer = runs[(runs["alpha"] != -2) | (runs["seed"] == 912)]  # of b = 1
    (finding,) = findings.findings(fewer, {})
    drawn = scales.figure(finding, scales.measured(finding, fewer, {}))
    st = next(line for line in drawn.axes[0].lines if line.get_label() == "ST")
    assert st.get_ydata().tolist() == pytest.approx([11, 10, 12])


def test_the_page_has_both_tables_and_studies_without_a_scale_one(runs, tmp_path):
    (finding,) = findings.findings(runs, {})
    path = page.write(runs, tmp_path / "report", latency=False)
    shown = html.unescape(path.read_text(encoding="utf-8"))
    assert "ambiguity, training" in shown and scales.CAPTION in shown
    tables = path.parent / "tables"
    assert (tables / f"{results.name_of(finding)}_apart.csv").exists()
    arms = studies.STUDIES["noise"].configs((912, 913), **SMALL)
    for arm in ("Single, 0% wrong", "L2 0.01, 0% wrong", "Single, 40% wrong"):
        for config in arms[arm][""]:
            write_run(tmp_path / "noise", config)
    others = load(tmp_path / "noise")[0]
    assert [
        scales.measured(other, others, {}) for other in findings.findings(others, {})
    ] == [None]

"""What networks cost whoever uses them, from runs and from their exports."""

import dataclasses
import json
import math
import re

import pytest
from finished_runs import load, synthetic_curves, write_run

from collaborative.experiments import studies
from collaborative.report import exports, page
from collaborative.report.studies import findings, trade_offs

SMALL = {"dataset": "digits", "truncate": 0, "epochs": 3}
ARMS = {  # test error in % of all models
    "Single": 8.0,
    "L2 0.1": 9.0,
    "ST from M": 10.0,
    "ST alone": 12.0,
    "M17 in its place": 8.5,
}


def written(log_dir, config, error):
    models = synthetic_curves(config, 0.5)
    for curves in models.values():
        curves["test_error"][-1] = (error + config.seed - 912) / 100
    return write_run(log_dir, config, models, seconds=[20.0] * 3)


def exported(run_dir, name, quantize=None, form="litert", **changes):
    checked = {"latency_ms": {"alone": 0.5, "batch": 0.1}}
    checked |= {f"{quantize}_error": 0.11} if quantize else {}
    metadata = {
        "member": name, "format": form, "quantize": quantize, "bytes": 2048,
        "scores": {"test_error": 0.09}, "verification": checked,
    } | changes  # fmt: skip
    directory = run_dir / "export" / f"{name}-{form}-{quantize}"
    directory.mkdir(parents=True)
    (directory / "metadata.json").write_text(json.dumps(metadata))


@pytest.fixture
def runs(tmp_path):
    """Runs of five arms and of the teacher; of ST with M, what was exported."""
    arms = studies.STUDIES["controls"].configs((912, 913), **SMALL)
    for arm, error in ARMS.items():
        for config in arms[arm][""]:
            run_dir = written(tmp_path, config, error)
            if config.teacher_config and config.seed == 912:
                written(tmp_path, config.teacher_config, 7.0)
            if arm == "L2 0.1" and config.seed == 912:
                exported(run_dir, "ST", bytes=1171 * 1024)
                exported(run_dir, "ST", "int8", bytes=1024)
                exported(run_dir, "M")
                exported(run_dir, "ST", form="onnx", bytes=1)
    return load(tmp_path)[0]


def test_errors_costs_and_what_was_exported(runs, tmp_path):
    (finding,) = [f for f in findings.findings(runs, {}) if f.name == "controls"]
    found = trade_offs.points(finding, runs, exports.load(runs, tmp_path, pytest.fail))
    means = found.set_index(["network", "seed"])
    st = means.loc[("ST with M (L2 0.1)", 913)]
    assert st.tolist() == pytest.approx([10, 0.5, 1171, 1])
    low = means.loc["ST with M (L2 0.1), int8"]
    assert low.index.tolist() == [912]
    assert low.loc[912].tolist() == pytest.approx([11, 0.5, 1, 1])
    assert means.loc[("M17", 912), "error"] == pytest.approx(8.5)
    taught = means.loc["ST from M", "minutes"]
    assert taught[912] == pytest.approx(2) and taught.isna()[913]  # its teacher is gone
    assert trade_offs.missing(found) == (
        "No artifact is there of “ST alone”, “ST from M”, “M17”, “ensemble, apart” "
        "(export.py --format litert)"
    )
    table = trade_offs.table(finding, found)
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}
    assert rows["ST alone"][1:] == ["912, 913", "-", "-", "1"]
    assert rows["ST with M (L2 0.1)"][1:] == ["912, 913", "0.5", "1,171", "1"]
    assert rows["ST with M (L2 0.1), int8"] == ["11.00", "912", "0.5", "1", "1"]


def test_networks_are_compared_on_the_seeds_that_all_have(runs):
    (finding,) = [f for f in findings.findings(runs, {}) if f.name == "controls"]
    errors = finding.errors.drop([("M17 in its place", "ensemble", 913)])
    found = trade_offs.points(
        dataclasses.replace(finding, errors=errors), runs, exports.none()
    )
    assert set(found["seed"]) == {912} and found["network"].nunique() == 5


def test_one_network_alone_is_not_compared(runs):
    (finding,) = [f for f in findings.findings(runs, {}) if f.name == "controls"]
    alone = dataclasses.replace(finding, errors=finding.errors.loc[["Single"]])
    assert trade_offs.points(alone, runs, exports.none()).empty
    assert not trade_offs.points(finding, runs, exports.none()).empty


@pytest.mark.parametrize("narrow", [False, True])
def test_a_panel_for_each_cost_that_is_known(runs, tmp_path, narrow):
    (finding,) = [f for f in findings.findings(runs, {}) if f.name == "controls"]
    all_of_it = exports.load(runs, tmp_path, pytest.fail)
    drawn = trade_offs.figure(trade_offs.points(finding, runs, all_of_it), narrow)
    titles = [axes.get_title() for axes in drawn.axes]
    assert titles == list(trade_offs.PANELS.values())
    alone = trade_offs.points(finding, runs, exports.none())
    (axes,) = trade_offs.figure(alone, narrow).axes
    assert len(axes.containers) == 5


@pytest.mark.parametrize(
    "changes, reason",
    [
        ("{}", "it lacks 'format'"),
        ("[" * 100_000, "it is nested too deeply"),
        ({"bytes": math.inf}, "cannot convert float infinity to integer"),
        ({"bytes": -1}, "member, .* are 'ST', 'int8', -1, 0.5, 0.11"),
        ({"member": ["ST"]}, "member, quantize, "),
        ({"quantize": {}}, "member, quantize, "),
        ({"verification": {"latency_ms": {"alone": 0}}}, "it lacks 'int8_error'"),
        (
            {"verification": {"latency_ms": {"alone": 0}, "int8_error": 0.1}},
            "member, quantize, ",
        ),
        (
            {"verification": {"latency_ms": {"alone": 1}, "int8_error": math.nan}},
            "member, quantize, ",
        ),
    ],
)
def test_a_damaged_record_is_left_out_with_a_line(runs, tmp_path, changes, reason):
    (path,) = tmp_path.rglob("ST-litert-int8/metadata.json")
    if not isinstance(changes, str):
        changes = json.dumps(json.loads(path.read_text()) | changes)
    path.write_text(changes)
    said = []
    found = exports.load(runs, tmp_path, said.append)
    assert found["quantize"].isna().all() and len(found) == 2
    (line,) = said
    assert re.fullmatch(f"left out .*, which is damaged: {reason}.*", line)


def test_the_page_shows_them(runs, tmp_path):
    path = page.write(runs, tmp_path / "report", latency=False)
    assert "ms a picture, alone" in path.read_text(encoding="utf-8")
    text = (tmp_path / "report" / "studies.md").read_text(encoding="utf-8")
    assert "No artifact is there of “ST alone”" in text

import numpy as np
import pandas as pd
import pytest

from collaborative.experiments import reference
from collaborative.report import figures, styles
from collaborative.runs import run_table
from collaborative.system import drawing


def lines(axes):
    return {line.get_label(): line for line in axes.get_lines()}


def test_three_panels_of_the_last_ten_epochs(paper):
    figure = figures.methods_figure(paper, "mnist", "ST", "error")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["CE", "L2", "L1"]
    drawn = lines(figure.axes[1])
    line = drawn["weight 0.01"]
    np.testing.assert_array_equal(line.get_xdata(), range(21, 31))
    assert line.get_ydata()[-1] == pytest.approx(0.56)
    assert {"traditional ST", "traditional M", "traditional Ens"} < drawn.keys()
    for name, line in drawn.items():
        red, green, blue = (int(line.get_color()[i : i + 2], 16) for i in (1, 3, 5))
        assert (red == green == blue) is name.startswith("traditional")


def test_curves_far_above_are_named_and_not_drawn(paper):
    """As in the paper, whose L2 and L1 with weight 1 'do not show up'."""
    figure = figures.methods_figure(paper, "mnist", "ST", "error")
    for axes, note in zip(figure.axes[1:], ("at 1.38", "at 2.75"), strict=True):
        assert "weight 1.0" not in lines(axes)
        assert f"weight 1.0 {note}" in axes.get_title(loc="right")
    assert "weight 1.0" in lines(figure.axes[0])


def test_a_figure_of_few_runs(paper):
    one = paper[(paper["dataset"] == "cifar10") & (paper["alpha"] == 0.1)]
    figure = figures.methods_figure(one[one["method"] == "CE"], "cifar10", "M", "cost")
    assert [len(axes.get_lines()) for axes in figure.axes] == [1]  # no empty panels
    assert figures.close_figure(one, "cifar10") is None


def test_a_method_of_one_s_own_has_a_panel_after_the_paper_s(paper):
    some = paper.query("dataset == 'mnist' and method in ('L2', 'Single')")
    own = some.query("method == 'L2'").assign(method="Hinge")
    figure = figures.methods_figure(pd.concat([own, some]), "mnist", "ST", "error")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["L2", "Hinge"]
    alone = some.query("method == 'Single'")
    figure = figures.methods_figure(alone, "mnist", "ST", "error")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Single"]


def test_narrow_figures_stack_their_panels(paper):
    for figure, count in (
        (figures.methods_figure(paper, "mnist", "M", "cost", narrow=True), 3),
        (figures.close_figure(paper, "mnist", narrow=True), 4),
    ):
        places = [axes.get_subplotspec() for axes in figure.axes]
        assert [place.rowspan.start for place in places] == list(range(count))
        assert {place.colspan.start for place in places} == {0}
        assert figure.get_figwidth() == styles.NARROW_WIDTH


def test_seeds_are_a_mean_and_a_band(paper):
    other = paper.assign(seed=1, test_error=paper["test_error"] + 0.01)
    figure = figures.methods_figure(pd.concat([paper, other]), "mnist", "ST", "error")
    line = lines(figure.axes[1])["weight 0.01"]
    assert line.get_ydata()[-1] == pytest.approx(0.56 + 0.5)
    bands = [band.get_paths()[0].vertices for band in figure.axes[1].collections]
    at_the_end = [band[band[:, 0] == band[:, 0].max(), 1] for band in bands]
    ranges = [pytest.approx((ends.min(), ends.max())) for ends in at_the_end]
    assert (0.56, 1.56) in ranges


def test_training_and_test_of_the_chosen_method(paper):
    figure = figures.close_figure(paper, "cifar10")
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["training error", "test error", "training cost", "test cost"]
    for axes in figure.axes:
        assert len(lines(axes)) == 6
    chosen = paper.query("dataset == 'cifar10' and method == 'L2' and alpha == 0.01")
    ensemble = chosen[chosen["model"] == "ensemble"]
    for axes, column, scale in [
        (figure.axes[0], "train_error_running", 100),
        (figure.axes[3], "test_cost", 1),
    ]:
        drawn = lines(axes)["L2 0.01 Ens"].get_ydata()
        np.testing.assert_allclose(drawn, scale * ensemble[column])


def test_weights_are_told_apart_without_colour():
    known = list(styles.WEIGHT_STYLES.values())
    assert set(styles.WEIGHT_STYLES) == set(reference.PAPER_ALPHAS)
    assert len({dashes for _, dashes, _ in known}) == len(known)
    assert len({marker for *_, marker in known}) == len(known)


def test_files_are_the_same_each_time(paper, tmp_path):
    few = paper.query("dataset == 'mnist' and method == 'Single'")
    for part in ("a", "b"):
        figure = figures.methods_figure(few, "mnist", "ST", "error")
        path = figures.save(figure, tmp_path / part, "name")
        assert path.suffix == ".svg"
    for suffix in ("png", "svg"):
        a, b = ((tmp_path / p / f"name.{suffix}").read_bytes() for p in "ab")
        assert a == b


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_curves_without_numbers_cost_nothing_else(paper, value, tmp_path):
    """A run can end with NaN everywhere; a cost of 0 has no logarithm."""
    columns = [*run_table.MEASURED, *run_table.RUNNING]
    broken = paper[paper["method"] == "Single"].assign(**dict.fromkeys(columns, value))
    runs = pd.concat([paper[paper["method"] != "Single"], broken])
    for quantity in ("error", "cost"):
        figure = figures.methods_figure(broken, "mnist", "M", quantity)
        drawing.save(figure, tmp_path / f"{quantity}.svg")
    drawing.save(figures.close_figure(broken, "mnist"), tmp_path / "close.svg")
    whole = figures.methods_figure(runs, "mnist", "M", "error")
    assert "weight 0.01" in lines(whole.axes[1])

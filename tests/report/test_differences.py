import numpy as np
import pandas as pd
import pytest
from conftest import recorded_answers
from scipy import stats

from collaborative.experiments import reference
from collaborative.report import differences


def seeded(runs, **errors):
    """The runs with each seed, collaboration's errors changed by so many points."""
    collaborates = runs["method"] != "Single"
    return pd.concat(
        runs.assign(
            seed=int(seed[1:]),
            run=runs["run"] + seed,
            test_error=runs["test_error"] + collaborates * change / 100,
        )
        for seed, change in errors.items()
    )


def row(found, method, alpha, model):
    keys = (found["method"], found["alpha"], found["model"])
    chosen = np.logical_and.reduce([k == v for k, v in zip(keys, (method, alpha, model),
                                                           strict=True)])  # fmt: skip
    (only,) = found[chosen].itertuples()
    return only


def test_the_author_s_differences(paper):
    found = differences.differences(paper, {}, "cifar10")
    assert len(found) == 12 * 3
    assert row(found, "L2", 0.01, "ST").difference == pytest.approx(23.43 - 27.67)
    assert row(found, "L2", 0.01, "M").difference == pytest.approx(23.10 - 23.01)
    assert found["half_width"].isna().all() and found["clear"].isna().all()
    table = differences.table(found, "cifar10")
    assert table.header == ("setting", "ST", "M", "Ens")
    assert table.caption.endswith("points; one seed")


def test_seeds_are_paired_and_stand_beside_the_paper_s(paper):
    runs = seeded(paper[paper["dataset"] == "mnist"], s1=-0.9, s2=-1.0, s3=-1.1)
    found = differences.differences(runs, {}, "mnist", paper)
    ours = row(found, "L2", 0.01, "ST")
    assert ours.seeds == 3 and ours.clear is True
    assert ours.difference == pytest.approx(ours.paper - 1.0)
    assert 0 < ours.half_width < 4.302653 * 0.1 / 3**0.5  # the rest of all settings
    table = differences.table(found, "mnist")
    assert table.header[:3] == ("setting", "ST", "ST paper")
    chosen = next(cells for cells in table.rows if cells[0].text == "L2 0.01")
    assert chosen[1].text.startswith("-1.21 ± 0.0") and chosen[1].bold
    assert chosen[2].text == "-0.21" and not chosen[2].bold
    assert "3 paired seeds" in table.caption and "36 of 36" in table.caption


def test_what_the_seeds_leave_open_is_not_clear(paper):
    runs = seeded(paper[paper["dataset"] == "mnist"], s1=-0.9, s2=1.0)
    found = differences.differences(runs, {}, "mnist")
    assert row(found, "L2", 0.01, "M").clear is None
    assert not any(cell.bold for cell in differences.table(found, "mnist").rows[0])


def test_one_seed_has_the_interval_of_its_test_images(paper):
    runs = paper[(paper["dataset"] == "mnist") & (paper["alpha"].isin([0.0, 0.1]))]
    single, ours = (f"paper/mnist/{name}" for name in ("Single_0.0", "L2_0.1"))
    images = np.arange(400)
    answers = {name: np.zeros(400, int) for name in reference.MODELS}
    changed = {name: (images < 4).astype(int) for name in reference.MODELS}
    records = {
        single: recorded_answers(images, answers),
        ours: recorded_answers(images, changed),
    }
    found = differences.differences(runs, records, "mnist")
    # 1 % of 400 images change: 2.394 standard errors (one of three comparisons) of at
    # most sqrt(0.01 / 400).
    assert row(found, "L2", 0.1, "M").half_width == pytest.approx(1.197, abs=1e-3)
    assert row(found, "L2", 0.1, "M").clear is None
    assert np.isnan(row(found, "L1", 0.1, "M").half_width)  # nothing is recorded
    assert "over its test images at most" in differences.table(found, "mnist").caption


def test_images_that_all_seeds_share_are_added(paper):
    part = paper[paper["dataset"] == "mnist"]
    runs = seeded(part, s1=0.9, s2=-1.0, s3=-2.9)

    def answers(run):
        """Four images other than Single's, and not those of another setting."""
        given = np.zeros(400, int)
        if "Single" not in run:
            given[4 * names.index(run[:-1]) :][:4] = 1
        return dict.fromkeys(reference.MODELS, given)

    names = sorted({run[:-1] for run in runs["run"].unique()})

    def recorded(*sets):
        return {
            run: recorded_answers(np.arange(400) + sets[int(run[-1]) - 1], answers(run))
            for run in runs["run"].unique()
        }

    def width(runs, records):
        found = differences.differences(runs, records, "mnist")
        return row(found, "L2", 0.1, "M").half_width

    of_seeds = width(runs, {})
    added = 100 * stats.norm.ppf(1 - 0.05 / 12 / 2) * (0.01 / 400) ** 0.5
    assert width(runs, recorded(0, 7, 9)) == of_seeds > added / 3**0.5
    assert width(runs, recorded(0, 0, 0)) == pytest.approx(np.hypot(of_seeds, added))
    # Three seeds' own images leave that much open, however alike the seeds are.
    alike = seeded(part, s1=-0.9, s2=-1.0, s3=-1.1)
    assert width(alike, {}) < added / 3**0.5
    assert width(alike, recorded(0, 7, 9)) == pytest.approx(added / 3**0.5)


def test_one_seed_among_several_is_named(paper):
    runs = seeded(paper[paper["dataset"] == "mnist"], s1=0.0, s2=1.0)
    lacks = (runs["method"] == "CE") & (runs["alpha"] == 1.0) & (runs["seed"] == 2)
    table = differences.table(
        differences.differences(runs[~lacks], {}, "mnist"), "mnist"
    )
    texts = {cells[0].text: cells[1].text for cells in table.rows}
    assert [name for name, text in texts.items() if "one seed" in text] == ["CE 1.0"]


def test_nothing_is_compared_with_nothing(paper):
    runs = paper[paper["method"] == "L2"]
    assert differences.differences(runs, {}, "mnist", paper).empty


@pytest.mark.parametrize("alphas", [(0.01,), (0.01, 0.1)])
def test_marks_stand_at_the_names_of_their_settings(paper, alphas):
    chosen = paper["method"].eq("L2") & paper["alpha"].isin(alphas)
    runs = paper[chosen | paper["method"].eq("Single")]
    found = differences.differences(runs, {}, "mnist")
    axes = differences.figure(found).axes[0]
    assert axes.get_ylim() == (len(alphas) - 0.5, -0.5)
    assert list(axes.get_yticks()) == list(range(len(alphas)))


def test_the_figure_has_a_mark_for_each_and_names_what_is_far(paper):
    runs = seeded(paper[paper["dataset"] == "cifar10"], s1=0.0, s2=0.1)
    found = differences.differences(runs, {}, "cifar10", paper)
    drawn = differences.figure(found)
    assert [axes.get_title() for axes in drawn.axes] == ["ST", "M", "Ens"]
    for axes in drawn.axes:
        marks = [
            line for line in axes.lines if line.get_marker() in ("<", ">", "o", "D")
        ]
        assert len(marks) == 2 * 12
        least, most = axes.get_xlim()
        assert all(least < line.get_xdata()[0] < most for line in marks)
    assert "+18.1" in [text.get_text() for text in drawn.axes[0].texts]
    names = [label.get_text() for label in drawn.axes[0].get_yticklabels()]
    assert names[0] == "CE 1.0" and len(names) == 12

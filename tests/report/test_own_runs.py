"""A report on data of one's own: nothing in it is about the paper's sets."""

import pandas as pd
import pytest

from collaborative.report import context, differences, exports, page, pictures
from collaborative.report.sections import further, results, samples
from collaborative.report.tables import Cell, Table
from collaborative.system.errors import UserError


@pytest.fixture
def reported(paper, tmp_path):
    """Makes the context of a report on the author's runs, as if on another set."""

    def make(dataset):
        runs = paper[paper["dataset"].eq("mnist")].assign(dataset=dataset)
        return context.Context(
            runs=runs, output_dir=tmp_path, records={}, paper=paper, left_out=(),
            places={"data_dir": tmp_path, "manual_dir": None}, costs=None,
            exports=exports.none(), say=print,
        )  # fmt: skip

    return make


def test_the_paper_s_sets_are_missed_only_beside_runs_on_one(reported, monkeypatch):
    def first_images(name, *_, **__):
        raise UserError("not there")

    monkeypatch.setattr(pictures, "first_images", first_images)
    own, theirs = reported("folder:/pets"), reported("mnist")
    assert further.parts(own)["missing"] == []
    assert len(further.parts(theirs)["missing"]) == 39 - 13
    for given, missed in ((own, {"pets"}), (theirs, {"mnist", "cifar10"})):
        assert samples.parts(given)["samples"] == []
        assert all(any(n in line for line in given.absent) for n in missed)
    assert not any("mnist" in line for line in own.absent)


def test_the_paper_s_numbers_are_named_only_where_they_stand(reported, monkeypatch):
    monkeypatch.setattr(context.Context, "_picture", lambda *_: "")
    for dataset, compared in (("folder:/pets", False), ("mnist", True)):
        given = reported(dataset)
        gains = differences.differences(given.runs, {}, dataset, given.paper)
        caption = results._main_figure(given, gains, dataset)["caption"]
        assert ("diamonds: the paper's" in caption) is compared


@pytest.mark.parametrize("classes", [page.LONGEST_TABLE, page.LONGEST_TABLE + 1])
def test_the_errors_of_very_many_classes_are_folded(classes):
    rows = [(Cell(f"class {i}"), Cell("1.50")) for i in range(classes)]
    table = Table("t", "errors", ("class", "error"), rows, pd.DataFrame())
    template = "{% from 'macros.html' import table %}{{ table(t) }}"
    text = page.environment().from_string(template).render(t=table)
    assert text.count("<tr>") == classes + 1
    assert ("<details>" in text) is ("</details>" in text) is (classes > 30)

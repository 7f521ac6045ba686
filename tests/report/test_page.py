"""The report's page: what it says and has with it, and that nothing in it is run."""

import html.parser
import json
import re

import pandas as pd
import pytest
from finished_runs import load, synthetic_curves, write_run
from report_command import command

from collaborative.experiments.config import ExperimentConfig
from collaborative.report import page, quality
from collaborative.report.studies import findings
from collaborative.runs import run_table

pytestmark = pytest.mark.usefixtures("quick_pages")
HOSTILE = "<script>alert(1)</script>"


class Page(html.parser.HTMLParser):
    """The tags of a page, and whether each that must be closed is."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.sources, self.data = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        values = dict(attributes)
        self.sources += [values[n] for n in ("src", "href", "srcset") if n in values]
        if tag not in ("meta", "img", "input", "br", "link", "source"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.data.append(data)


def write_report(runs, output_dir, **options):
    path = page.write(runs, output_dir, latency=False, **options)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def some_runs(tmp_path_factory):
    """A few runs, in and beside the paper's setting, one with a hostile name."""
    log_dir = tmp_path_factory.mktemp("logs")
    for method in ("L2", "Single"):
        for seed in (1, 2):
            write_run(log_dir, ExperimentConfig("mnist", method=method, seed=seed))
    short = ExperimentConfig("cifar10", epochs=2, truncate=500)
    write_run(log_dir, short)
    hostile = ExperimentConfig(HOSTILE, epochs=2)
    run_dir = write_run(log_dir, hostile, synthetic_curves(hostile))
    path = run_dir / "config.json"
    path.write_text(path.read_text().replace("a device", f"'\\\"{HOSTILE}&"))
    runs, left_out = load(log_dir)
    assert left_out == []
    return runs


@pytest.fixture(scope="module")
def output_dir(some_runs, tmp_path_factory):
    output_dir = tmp_path_factory.mktemp("report")
    write_report(some_runs, output_dir, left_out=[f"left out {HOSTILE}"])
    return output_dir


@pytest.fixture
def some_page(output_dir):
    return (output_dir / "index.html").read_text(encoding="utf-8")


def test_names_from_files_are_escaped(some_page):
    page = Page(some_page)
    assert page.open == []
    assert page.tags.count("script") == 3  # the page's own
    assert HOSTILE not in some_page
    assert HOSTILE in "".join(page.data)  # as text
    (block,) = re.findall(r'id="chart-data">(.*?)</script>', some_page, re.S)
    titles = [chart["title"] for chart in json.loads(block)]
    assert f"{HOSTILE}, ST-M" in titles


def test_the_page_needs_nothing_else(some_page):
    for source in Page(some_page).sources:
        assert source.startswith(("data:image/svg+xml,", "#"))
    without_pictures = re.sub(r'data:image/svg[^"]*', "", some_page)
    assert not re.search(r"url\((?!#)|@import", without_pictures)  # url(#…) is its own
    assert set(re.findall(r"https?://[^\"' ]*", without_pictures)) == {
        "https://github.com/leeoniya/uPlot"  # in a comment
    }


def test_a_page_of_few_runs_says_what_is_missing(some_page):
    text = " ".join("".join(Page(some_page).data).split())
    assert "2 of the 39 experiments" in text
    assert "Missing of the paper's 39 experiments: 37" in text
    assert "MNIST (11 of 13): CE 1.0, CE 0.1" in text
    assert "CIFAR10 (13 of 13)" in text
    assert "epochs 2, truncate 500" in text
    assert "means of 2 seeds with 95 % intervals" in text
    assert "on the author's numbers" in text  # verdicts, beside ours


def test_epochs_and_what_made_the_runs_are_two_files(output_dir, some_runs):
    epochs = pd.read_csv(output_dir / "runs.csv")
    assert len(epochs) == len(some_runs)
    assert not {"command", "versions", "device"} & set(epochs)
    origins = pd.read_csv(output_dir / "runs_origins.csv")
    assert list(origins) == list(run_table.ORIGIN)
    assert sorted(origins["run"]) == sorted(some_runs["run"].unique())


def test_short_runs_are_in_no_table_of_the_paper(output_dir):
    names = {path.name for path in (output_dir / "tables").iterdir()}
    assert {"table_A.7_mnist_error.tex", "table_other_runs.csv"} <= names
    assert not any("cifar10" in name for name in names)


def test_only_short_runs_make_a_report_too(some_runs, tmp_path):
    short = some_runs[some_runs["setting"] != ""]
    assert "No run is in the paper's setting" in write_report(short, tmp_path)


def test_the_author_s_runs_are_compared_with_nothing(tmp_path, paper):
    runs = paper.query("dataset == 'mnist'")
    page = write_report(runs, tmp_path, is_paper=True)
    assert "The author's own 13 runs" in page
    assert "on the author" not in page
    assert "ST diff." not in page and "Missing of the paper" not in page
    assert "0.0257211" in re.sub(r"<[^>]*>", "", page)
    numbers = {path.name.split("_")[1] for path in (tmp_path / "figures").iterdir()}
    assert numbers == {"A.1", "A.2", "B.1", "mnist"}  # and its differences
    assert "Collaboration against training apart" in page and "diamonds" not in page


def test_a_data_set_that_is_not_there_is_one_line(some_runs, tmp_path):
    lines = []
    path = page.write(
        some_runs.query("dataset == 'cifar10'"), tmp_path, latency=False,
        places={"data_dir": tmp_path / "data", "manual_dir": None}, say=lines.append,
    )  # fmt: skip
    assert len(lines) == 4 and all("\n" not in line for line in lines)
    assert lines[0].startswith("no sample images of mnist: mnist is not prepared")
    assert "no sample images of cifar10" in path.read_text()


def test_the_command(tmp_path):
    log_dir = tmp_path / "logs"
    write_run(log_dir, ExperimentConfig("digits", epochs=2))  # without figures
    (log_dir / "broken.pkl").write_bytes(b"x")
    result = command(
        "--log_dir", log_dir, "--output_dir", tmp_path / "out", "--noimages",
        "--nolatency",
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "left out broken.pkl: not a file of a run",
        "1 run on digits",
        str(tmp_path / "out" / "index.html"),
    ]


def test_one_broken_part_leaves_the_others(some_runs, monkeypatch, tmp_path):
    def fail(*_, **__):
        raise ZeroDivisionError("of something\nelse")

    monkeypatch.setattr(quality, "quality_tables", fail)
    monkeypatch.setattr(findings, "_finding", fail)
    lines = []
    runs = some_runs.query("dataset == 'mnist'")
    path = page.write(runs, tmp_path, latency=False, say=lines.append)
    said = "ZeroDivisionError: of something"
    assert f"no tables beyond the paper of mnist: {said}" in lines
    assert f"no answers to the studies beyond the paper: {said}" in lines
    text = path.read_text(encoding="utf-8")
    assert "MNIST, final test error" in text and text.count(said) == len(lines)

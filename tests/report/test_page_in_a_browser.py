"""The report in Chromium: at three widths, its controls, and printed."""

import base64
import re

import chromium
import pytest
from conftest import ROOT
from finished_runs import load, write_run

from collaborative.experiments.config import ExperimentConfig
from collaborative.report import page

pytestmark = [
    pytest.mark.usefixtures("quick_pages"),
    pytest.mark.skipif(chromium.PATH is None, reason="needs chromium"),
]
WIDTHS = (1400, 900, 400)
COMMITTED = ROOT / "results" / "report" / "index.html"
MOST_PAGES = 40
MOST_PIXELS = 20_000  # 20 screens
HOSTILE = "<script>hacked = 1</script>"
TOO_WIDE = """[...document.querySelectorAll("table")].filter(t => t.offsetParent)
    .map(t => [t, t.closest(".scroll, .u-legend")])
    .filter(([t, box]) => box.scrollWidth > box.clientWidth + 1)
    .map(([t]) => t.getAttribute("aria-labelledby") || t.className)"""
TOO_TALL = f"""[...document.querySelectorAll("main *")]
    .filter(e => e.getBoundingClientRect().height > {MOST_PIXELS}).map(e => e.id)"""
ROWS = '[...document.querySelectorAll("#run-table tbody tr")].filter(r => !r.hidden)'
CHANGE = """(name, value) => {
    const node = document.querySelector(name);
    node.type === "checkbox" ? node.checked = value : node.value = value;
    node.dispatchEvent(new Event("change", {bubbles: true}));
}"""


@pytest.fixture(scope="module")
def some_report(tmp_path_factory):
    """A report of 25 runs: of two seeds, in other settings, one of a hostile name."""
    log_dir = tmp_path_factory.mktemp("logs")
    for method in ("L2", "Single"):
        for seed in (1, 2):
            write_run(log_dir, ExperimentConfig("mnist", method=method, seed=seed))
    for seed in range(20):
        write_run(log_dir, ExperimentConfig("cifar10", epochs=2, seed=seed))
    write_run(log_dir, ExperimentConfig(HOSTILE, epochs=2))
    runs, _ = load(log_dir)
    return page.write(runs, tmp_path_factory.mktemp("report"), latency=False)


@pytest.fixture(scope="module")
def tab():
    with chromium.Tab() as opened:
        yield opened


@pytest.fixture
def shown(tab, some_report):
    tab.open(some_report)
    return tab


def pages(tab):
    pdf = base64.b64decode(tab.call("Page.printToPDF")["data"])
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("which", ["some", pytest.param("all", marks=pytest.mark.slow)])
def test_everything_fits(tab, some_report, which, width):
    tab.open(some_report if which == "some" else COMMITTED, width=width)
    assert tab.run("document.documentElement.scrollWidth") <= width
    assert tab.run(TOO_WIDE) == []
    assert tab.run(TOO_TALL) == []
    assert tab.faults() == []
    assert tab.run("typeof hacked") == "undefined"


@pytest.mark.slow
def test_the_page_of_all_runs_grows_with_them_alone_and_prints(tab):
    runs = len(list((ROOT / "results" / "runs").rglob("stats.pkl")))
    tab.open(COMMITTED)
    assert COMMITTED.stat().st_size < 15_000 * runs
    assert pages(tab) < runs / 8


def test_runs_are_folded_filtered_and_sorted(shown):
    assert shown.run(f"{ROWS}.length") == 20
    shown.run('document.getElementById("run-all").click()')
    assert shown.run(f"{ROWS}.length") == 25
    shown.run(f'({CHANGE})("#run-controls [name=method]", "Single")')
    assert shown.run(f"{ROWS}.map(r => r.cells[1].textContent)") == ["mnist"] * 2
    shown.run(f'({CHANGE})("#run-controls [name=method]", "all")')
    shown.run(f'({CHANGE})("#run-controls [name=dataset]", "cifar10")')
    assert shown.run(f"{ROWS}.length") == 20
    shown.run(
        'document.getElementById("run-text").value = "seed_7";'
        'document.getElementById("run-text").dispatchEvent(new Event("input"))'
    )
    assert shown.run(f"{ROWS}.map(r => r.cells[3].textContent)") == ["7"]
    shown.run('document.getElementById("run-text").value = ""; filterRuns()')
    seeds = f"{ROWS}.map(r => Number(r.cells[3].textContent))"
    head = '[...document.querySelectorAll("#run-table th button")][3]'
    for expected in (list(range(20)), list(range(19, -1, -1))):
        shown.run(f"{head}.click()")
        assert shown.run(seeds) == expected


def test_a_number_leads_to_its_runs_and_these_to_their_commands(shown):
    link = '[...document.querySelectorAll("td.number a")][0]'
    shown.run(f"{link}.click()")
    shown.wait('document.querySelector("tr.found")')
    assert shown.run(f"{ROWS}.map(r => r.cells[0].textContent)") == ["L2 0.01"] * 2
    shown.run('document.querySelector("tr.found summary").click()')
    text = shown.run('document.querySelector("tr.found code").innerText')
    assert "run_experiments" in text


def test_every_link_of_the_page_leads_somewhere(shown):
    assert (
        shown.run("""[...document.querySelectorAll("a[href^='#']")]
        .map(a => decodeURIComponent(a.hash.slice(1)))
        .filter(id => !document.getElementById(id))""")
        == []
    )


def test_curves_answer(shown):
    assert shown.run('document.querySelectorAll(".chart canvas").length') == 2
    on = """[...document.querySelectorAll(".chart")[0].querySelectorAll(
        ".u-series:not(.u-off) th")].map(head => head.innerText)"""
    assert shown.run(on) == ["epoch", "L2 0.01", "Single"]
    heads = 'document.querySelector(".chart").querySelectorAll(".u-series th")'
    double = 'dispatchEvent(new MouseEvent("dblclick", {bubbles: true}))'
    shown.run(f"{heads}[2].{double}")
    assert shown.run(on) == ["epoch", "Single"]
    shown.run(f"{heads}[2].{double}")
    assert shown.run(on) == ["epoch", "L2 0.01", "Single"]
    key = 'dispatchEvent(new KeyboardEvent("keydown", {key: "%s", bubbles: true}))'
    shown.run('document.querySelector(".plot > div").' + key % "ArrowRight")
    values = """[...document.querySelectorAll(".chart")[0]
        .querySelectorAll(".u-value")].map(cell => cell.innerText)"""
    shown.wait(f'{values}[0] === "1"')
    assert all(float(value) > 10 for value in shown.run(values)[1:])  # %, at first
    shown.run(f"{heads}[1]." + key % "Enter")
    assert shown.run(on) == ["epoch", "Single"]


def test_scales_and_bands_of_curves(shown):
    ticks = """(() => { const view = document.querySelector(".chart").curves;
        const y = view.plot.scales.y; return [y.min, y.max, y.distr,
        view.plot.series.length]; })()"""
    _, high, kind, lines = shown.run(ticks)
    assert (kind, lines) == (1, 3)
    boxes = ".chart .controls label:nth-of-type(%d) %s"
    shown.run(f'({CHANGE})("{boxes % (5, "input")}", false)')
    assert shown.run(ticks)[1] > high  # the first epochs are in it
    shown.run(f'({CHANGE})("{boxes % (4, "input")}", true)')
    assert shown.run(ticks)[2] == 3
    shown.run(f'({CHANGE})("{boxes % (3, "select")}", "L2 0.01")')
    assert shown.run(ticks)[3] == 5  # with the edges of the band


def test_it_is_dark_for_who_prefers_it(tab, some_report):
    colour = "getComputedStyle(document.body).backgroundColor"
    tab.open(some_report, dark=False)
    light = tab.run(colour)
    tab.open(some_report, dark=True)
    assert (light, tab.run(colour)) == ("rgb(255, 255, 255)", "rgb(22, 24, 27)")


def test_it_says_itself_to_a_screen_reader(shown):
    assert shown.run('document.querySelectorAll("th:not([scope])").length') == (
        shown.run('document.querySelectorAll(".u-legend th").length')
    )
    assert shown.run('document.querySelectorAll("img:not([alt])").length') == 0
    assert pages(shown) < MOST_PAGES

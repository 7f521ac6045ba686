"""What README and docs/ show and name: blocks, commands, flags, links, files."""

import configparser
import re
import shlex

import pages
import pytest
from absl import flags as absl_flags
from conftest import ROOT
from storeys import SAME_ROOM, STOREYS

from collaborative import analysis, export, predict
from collaborative.experiments import flags as experiment_flags

FOLLOWED = pages.in_order()
# Of the last four the commands are checked, and not run: what the first two tell took
# hours, and the examples have tests of their own.
ALL_PAGES = [
    *FOLLOWED,
    *("results/README.md", "results/members/README.md"),
    *("benchmarks/gpu.md", "examples/README.md"),
]
COMMANDS = {
    "run_experiments.py": experiment_flags.FLAGS,
    "analysis.py": analysis.FLAGS,
    "export.py": export.FLAGS,
    "predict.py": predict.FLAGS,
}
INSTALLED = {  # names of the same commands
    "collaborative-train": "run_experiments.py",
    "collaborative-report": "analysis.py",
    "collaborative-export": "export.py",
    "collaborative-predict": "predict.py",
}
COMMAND = re.compile(r"\w+\.py --|python |make |collaborative-\w+ ")  # in a sentence
FOLDER = re.compile(
    r"(collaborative|tests|benchmarks|docs|examples|paper|results)/[\w/.]*$"
)
OF_A_READER = {"my_code.py", "my_model.py"}  # files that are theirs


@pytest.mark.parametrize("page", FOLLOWED)
def test_every_block_is_run_or_says_why_not(page):
    for block in pages.blocks(page):
        if block.language in pages.CODE:
            assert block.mark in (None, "slow", "not run", "file"), block
            assert (block.mark is None) == (block.reason is None), block
        else:
            assert block.language in pages.TEXT, f"{block}: of no known language"
            assert block.mark in (None, "output", "tree"), block


def test_readme_leads_to_every_page():
    there = {f"docs/{path.name}" for path in ROOT.glob("docs/*.md")}
    assert set(FOLLOWED) == {"README.md"} | there


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 200


@pytest.mark.parametrize("page", ALL_PAGES)
def test_links_and_pictures_lead_somewhere(page):
    for link in pages.links(page):
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        if anchor:
            assert anchor in list(pages.anchors(target.relative_to(ROOT))), link


@pytest.fixture
def parsed(fresh_flags):
    """Checks the flags of a command, and the experiments that they ask for."""

    def check(script, arguments):
        flag_values = COMMANDS[script]
        for flag in flag_values:
            flag_values[flag].unparse()
        try:
            rest = flag_values([script, *arguments])[1:]
        except absl_flags.Error as error:
            pytest.fail(f"{script} {shlex.join(arguments)}: {error}")
        assert script == "predict.py" or not rest, rest
        is_known = script == "run_experiments.py" and not flag_values.plugin
        if is_known and flag_values.grid != "NAME":
            assert experiment_flags.configs()

    yield check
    for flag_values in COMMANDS.values():
        for flag in flag_values:
            flag_values[flag].unparse()


def check_command(words, parsed):
    """Checks a command that is shown: that there is such a thing, with such flags."""
    program, *arguments = words
    if program in INSTALLED:
        parsed(INSTALLED[program], arguments)
    elif program in COMMANDS:
        parsed(program, arguments)
    elif words[:4] == ["python", "-m", "pip", "install"]:
        check_extras(arguments[3:])
    elif program == "python" and arguments[0] in COMMANDS:
        parsed(arguments[0], arguments[1:])
    elif program == "python" and arguments[0] in OF_A_READER:
        assert len(arguments) == 1
    elif program == "python":
        source = (ROOT / arguments[0]).read_text()
        for name in re.findall(r"--\w+", " ".join(arguments[1:])):
            assert f'"{name}"' in source, words
    elif program == "jupytext":
        assert (ROOT / arguments[-1]).is_file(), words
    elif program == "make":
        makefile = (ROOT / "Makefile").read_text()
        assert all(f"\n{target}:" in makefile for target in arguments)
    else:
        others = (
            *(".", "tensorboard", "export", "echo", "hf", "npm"),
            "nvidia-cuda-mps-control",
        )
        known = program in others or re.fullmatch(r"\w+=\S+", program)
        assert known, f"{words}: what is {program}?"


def check_extras(arguments):
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    for extras in re.findall(r"\[(.+)\]", " ".join(arguments)):
        assert set(extras.split(",")) <= set(setup["options.extras_require"])


@pytest.mark.parametrize("page", ALL_PAGES)
def test_commands_that_are_shown_are_ones(page, parsed):
    for block in pages.blocks(page):
        if block.language == "bash":
            for command in block.commands:
                check_command(command, parsed)
    for span in pages.code_spans(page):
        if COMMAND.match(span) and not span.endswith(("…", "--help")):
            check_command(shlex.split(span), parsed)


@pytest.mark.parametrize("page", ALL_PAGES)
def test_flags_that_are_named_are_ones(page, parsed):
    for span in pages.code_spans(page):
        if not span.startswith("--") or span == "--help":
            continue
        names = re.findall(r"--(\w+)", span)
        takers = [
            script
            for script, known in COMMANDS.items()
            if all({name, name.removeprefix("no")} & set(known) for name in names)
        ]
        assert takers, span
        if len(names) < len(span.split()) and not re.search(r" [A-Z]+$", span):
            parsed(takers[0], span.split())


def test_trees_name_what_is_there():
    drawn = {}
    for page in FOLLOWED:
        for block in pages.blocks(page):
            if block.mark == "tree":
                drawn[page] = set(pages.tree(block))
    assert set(drawn) == {"README.md", "docs/design.md"}
    modules = {p.name for p in ROOT.glob("*.py")} - {"setup.py"}
    rooms = {
        f"{path.parent.relative_to(ROOT)}/"
        for path in ROOT.glob("collaborative/*/__init__.py")
    }
    for page, paths in drawn.items():
        assert modules | rooms <= paths, page
        missing = [path for path in paths if not (ROOT / path).exists()]
        assert not missing, page


def test_the_storeys_are_those_that_are_held():
    lines = (ROOT / "docs" / "design.md").read_text().splitlines()
    rows = [line for line in lines if re.match(r"\| \d \| ", line)]
    rooms = [set(re.findall(r"`(\w+)`", row)) - set(SAME_ROOM) for row in rows]
    assert rooms == list(STOREYS)


def test_every_module_that_is_named_is_there():
    """In the pages, and in docstrings, comments and messages of the project."""
    sources = [*ROOT.glob("*.py"), *ROOT.glob("collaborative/**/*.py")]
    sources += [*ROOT.glob("benchmarks/*.py"), *ROOT.glob("examples/*.py")]
    sources += [*ROOT.glob("*.cfg"), ROOT / "Makefile"]
    sources += [ROOT / page for page in ALL_PAGES]
    there = {path.name for path in ROOT.glob("**/*.py")} | OF_A_READER
    for path in sources:
        named = set(re.findall(r"\b\w+\.py\b", path.read_text(encoding="utf-8")))
        assert named <= there, path
    for page in ALL_PAGES:
        for span in pages.code_spans(page):
            if FOLDER.match(span):
                assert (ROOT / span).exists(), f"{page}: {span}"


def test_the_citation_is_of_this_version():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    version = setup["metadata"]["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()


def test_the_page_for_the_author_quotes_the_results():
    """Each number with an interval stands so in the report's tables or answers."""
    reports = (ROOT / "results" / "report").rglob("*.md")
    said = "\n".join(path.read_text(encoding="utf-8") for path in reports)
    page = (ROOT / "docs" / "for_the_author.md").read_text(encoding="utf-8")
    quoted = re.findall(r"[-+]?\d+\.\d+ ± \d+\.\d+", page)
    assert len(quoted) > 10
    assert [number for number in quoted if number not in said] == []

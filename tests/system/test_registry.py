"""Names that people add things under."""

import pytest

from collaborative.system.registry import Form, Registry

CELL = """
@add("mine")
def mine():
    return {}
"""


@pytest.fixture
def registry():
    return Registry("thing", reserved=("none",))


def run(registry, source, file, module):
    """Runs source that registers functions by `add`, as a file of a module."""

    def add(name):
        return lambda function: registry.add(name, function)

    exec(compile(source, file, "exec"), {"add": add, "__name__": module})


@pytest.mark.parametrize(
    "file, module",
    [("a.py", "a"), ("a.py", "package.a"), ("<second cell>", "a")],
)
def test_what_is_read_again_takes_its_own_place(registry, file, module):
    run(registry, CELL.format(1), "a.py", "a")
    run(registry, CELL.format(2), file, module)
    assert list(registry) == ["mine"] and registry["mine"]() == 2


def test_another_file_is_refused_and_leaves_the_first(registry):
    run(registry, CELL.format(1), "a.py", "a")
    with pytest.raises(ValueError, match="there is a thing 'mine' already: choose"):
        run(registry, CELL.format(2), "b.py", "b")
    assert registry["mine"]() == 1


def test_two_lambdas_of_a_file_are_two(registry):
    lines = 'add("mine")(lambda: 1)\n{}add("mine")(lambda: 2)\n'
    with pytest.raises(ValueError, match="already"):
        run(registry, lines.format(""), "a.py", "a")
    run(registry, lines.partition("\n")[0], "a.py", "a")


def test_a_name_that_was_removed_is_free(registry):
    registry.add("mine", len)
    with pytest.raises(ValueError, match="already"):
        registry.add("mine", max)
    del registry["mine"]
    registry.add("mine", max)
    assert registry["mine"] is max


def test_names_that_cannot_be(registry):
    for name in ("", "a b", "a,b", "a/b", "a\n", 3, None):
        with pytest.raises(ValueError, match="a thing's name must be of letters"):
            registry.add(name, len)
    with pytest.raises(ValueError, match="a thing 'none' already"):
        registry.add("none", len)
    short = Registry("thing", form=Form("[a-z]", "one letter"))
    with pytest.raises(ValueError, match="a thing's name must be one letter, got 'ab'"):
        short.add("ab", len)
    with pytest.raises(ValueError, match=r"must be one of none, got 'x'; .*\(--plugin"):
        registry.find("x")

"""Words for a person: names on one line, numbers, lists."""

import pytest

from collaborative.system import words


def test_a_name_is_one_line():
    name = "a\nb\x1b[31m\udcff 中 é"
    assert words.printable(name) == r"a\nb\x1b[31m\udcff 中 é"


@pytest.mark.parametrize(
    "number, said", [(1, "1 run"), (0, "0 runs"), (2_000, "2,000 runs")]
)
def test_a_number_with_its_noun(number, said):
    assert words.counted(number, "run") == said


def test_the_first_of_a_list():
    assert words.first_of(["a", "b"]) == "a, b"
    ten = "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert words.first_of([str(i) for i in range(10)]) == ten
    assert words.first_of([str(i) for i in range(2_000)]) == f"{ten} and 1,990 more"

"""Names that must fit."""

from collaborative.system import text_table


def test_long_texts_are_cut_in_their_middle():
    assert (
        text_table.shortened("black-and-tan coonhound", 24) == "black-and-tan coonhound"
    )
    assert text_table.shortened("abcdefghij", 6) == "abc…ij"
    assert text_table.shortened("abcdefghij", 5) == "ab…ij"
    assert text_table.shortened(" a\nb  c ", 9) == "a b c"

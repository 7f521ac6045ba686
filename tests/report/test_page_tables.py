"""Tables as the page lays them out."""

import pandas as pd

from collaborative.report import page_tables
from collaborative.report.tables import Cell, Table


def laid_out(rows, header, links=()):
    rows = [(Cell(head), *map(Cell, texts)) for head, *texts in rows]
    table = Table("t", "caption", ("method", *header), rows, pd.DataFrame())
    return page_tables.laid_out(table, dict(links))


def parts(cell):
    return cell.whole, cell.rest, cell.interval, cell.note


def test_numbers_are_split_where_they_align():
    texts = ("-1.25 ± 0.30", "12.5 (one seed)", "+3", "1,024.0 ± 2.0 (p = 0.1, n = 3)")
    rows = laid_out([(str(n), text) for n, text in enumerate(texts)], ["ST"])
    cells = [row.cells[0] for row in rows]
    assert [parts(cell) for cell in cells] == [
        ("\N{MINUS SIGN}1", ".25", "± 0.30", ""),
        ("12", ".5", "", "(one seed)"),
        ("+3", "", "", ""),
        ("1,024", ".0", "± 2.0", "(p = 0.1, n = 3)"),
    ]
    assert {cell.width for cell in cells} == {len("1,024")}


def test_what_is_no_number_stays_whole():
    (row,) = laid_out([("a", "-", "ST", "3.5 ms")], ["x", "y", "z"])
    assert [parts(cell)[:2] for cell in row.cells] == [
        ("", "-"), ("", "ST"), ("3", ".5 ms")
    ]  # fmt: skip


def test_our_numbers_lead_to_their_runs():
    header = ["model", "ST", "ST paper", "ST diff.", "M"]
    rows = [("a", "ST", "1.0", "2.0", "-1.0", "-"), ("b", "ST", "1.0", "-", "-", "3")]
    one, other = laid_out(rows, header, {"a": "runs-a"}.items())
    assert [cell.link for cell in one.cells] == ["", "runs-a", "", "", ""]
    assert not any(cell.link for cell in other.cells)  # of this no run is known
    assert (one.head, other.head) == ("a", "b")

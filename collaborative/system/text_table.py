"""Text tables for a terminal, and names that must fit in them or in a figure."""

from __future__ import annotations


def aligned(rows, left=1):
    """Rows of cells (strings, as many in each) as lines with aligned columns.

    Args:
        rows: the header first.
        left: so many columns, the first ones, are aligned at their left, the others at
            their right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def shortened(text, length):
    """A text from a file on one line, cut in its middle to at most `length`."""
    text = " ".join(text.split())
    if len(text) <= length:
        return text
    end = (length - 1) // 2
    return f"{text[: length - 1 - end]}…{text[len(text) - end :]}"

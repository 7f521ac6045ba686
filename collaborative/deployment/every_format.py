"""One model in every format that can be written here, and a table of them."""

from __future__ import annotations

import dataclasses
import os

from collaborative.deployment import artifacts, formats, verification_text
from collaborative.system import files, text_table
from collaborative.system.errors import UserError

HEADER = ("format", "parity", "bytes", "ms an image")


def export(source, options, output_dir):
    """Writes and checks an artifact of each format; of others it says why not.

    Args:
        source: an `artifacts.Source`.
        options: `artifacts.Options`, whose format does not count.
        output_dir: where the artifacts' directories go, and the table, a text file
            named as they are.

    Returns:
        The table.

    Raises:
        UserError: the last reason, where no format could be written.
    """
    name = dataclasses.replace(options, format="all").name
    place = output_dir / f"{name}.txt"
    _check_place(place)
    rows, failure = [list(HEADER)], None
    for form in formats.FILES:
        one = dataclasses.replace(options, format=form)
        try:
            _check_possible(one)
            _, metadata = artifacts.export(source, one, output_dir)
        except UserError as error:
            failure = error
            rows.append([form, f"not written: {error}", "", ""])
        else:
            rows.append([form, *_cells(metadata)])
    if not any(row[2] for row in rows[1:]):
        raise failure
    text = text_table.aligned(rows, left=2)
    with files.replacing(place) as path:
        path.write_text(text + "\n", encoding="utf-8")
    return text


def _check_place(path):
    """Raises PlaceTaken where something that is no such table has its name."""
    if path.is_file():
        with path.open(encoding="utf-8", errors="replace") as lines:
            is_ours = lines.readline().split() == " ".join(HEADER).split()
    else:
        is_ours = not os.path.lexists(path)
    if not is_ours:
        raise artifacts.not_exported(path)


def _check_possible(options):
    """Raises ConversionFailed or MissingPackage where a format is not for that."""
    form, kind = options.format, options.quantize
    if kind and form not in formats.QUANTIZABLE[kind]:
        raise formats.ConversionFailed(f"there is no {kind} in this format")
    if options.batch and form not in formats.WITH_BATCH:
        raise formats.ConversionFailed("there is no fixed batch in this format")
    formats.check_packages(form, writing=True)


def _cells(metadata):
    checked = metadata["verification"]
    alone = checked.get("latency_ms", {}).get("alone")
    return [
        verification_text.short(checked),
        f"{metadata['bytes']:,}",
        "-" if alone is None else f"{alone:.3f}",
    ]

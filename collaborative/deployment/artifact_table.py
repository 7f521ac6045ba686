"""The artifacts that lie in a directory, as a table."""

from __future__ import annotations

import contextlib
import pathlib

from collaborative.deployment import model_card, verification_text
from collaborative.system import files, text_table


def table(output_dir):
    """Size, parameters and latency of every artifact in a directory, as text.

    What is damaged, or somebody else's, has no row.
    """
    rows = [["", "bytes", "parameters", "ms alone", "ms in a batch", "check"]]
    for path in sorted(pathlib.Path(output_dir).glob(f"[!.]*/{model_card.METADATA}")):
        with contextlib.suppress(Exception):  # somebody else's may be any JSON
            rows.append(_row(path))
    return text_table.aligned(rows)


def _row(path):
    metadata = files.read_json(path)
    latency = metadata["verification"].get("latency_ms", {})
    return [
        path.parent.name,
        f"{metadata['bytes']:,}",
        f"{metadata['parameters']:,}",
        *(f"{latency[k]:.3f}" if latency else "-" for k in ("alone", "batch")),
        verification_text.short(metadata["verification"]),
    ]

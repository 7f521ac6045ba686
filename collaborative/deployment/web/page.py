"""One HTML file that runs networks where it is opened: nothing to install or to load.

It holds the networks, the runtime that computes them, what reads pictures as `pictures`
does, and what a person may want to know. Nothing leaves it: its content security policy
allows no request.
"""

from __future__ import annotations

import base64
import dataclasses
import html
import io
import json
import pathlib
import re

import jinja2
import numpy as np
from PIL import Image

from collaborative.deployment.web import base85, interpreter
from collaborative.system.errors import UserError

HERE = pathlib.Path(__file__).parent
MOST_BYTES = 50_000_000  # of weights in a page, as text


class TooLarge(UserError, ValueError):
    """A model whose page a browser would hardly open; one line for a person."""


@dataclasses.dataclass(frozen=True)
class Content:
    """What a page says beside its networks.

    `lead` is a paragraph below the title; `card` is Markdown; `mistakes` are pairs of a
    uint8 image and the name of its class, of which `mistakes_note` speaks. `errors`: of
    several networks, by what each is called, how often it errs, in words. `drawing`:
    whether one can draw (`drawing_of`).
    """

    title: str = "A network"
    lead: str = ""
    class_names: tuple[str, ...] = ()
    are_probabilities: bool = False
    card: str = ""
    mistakes: tuple = ()
    mistakes_note: str = ""
    errors: dict = dataclasses.field(default_factory=dict)
    drawing: dict | None = None


def write(path, models, content=Content(), runtime=None):
    """Writes a page.

    Args:
        path: the file.
        models: dict from what each network is called in the page to a plain
            `keras.Model`; all take the same images and tell the same classes apart.
        content: a `Content`; without class names they are numbers.
        runtime: the `runtime.Runtime` that computes in the page; None: our interpreter.

    Raises:
        UserError: for a network that the runtime cannot run, see there.
        TooLarge: where the networks would take more than MOST_BYTES.
    """
    runtime = runtime or interpreter.INTERPRETER
    embedded = {name: runtime.embed(model) for name, model in models.items()}
    size = base85.LONGER * sum(len(weights) for _, weights in embedded.values())
    if size > MOST_BYTES:
        raise TooLarge(
            f"its weights would make a page of {size / 1e6:.0f} MB, and browsers open "
            f"{MOST_BYTES / 1e6:.0f} at most with ease: choose a smaller network"
        )
    first = next(iter(models.values()))
    data = {
        "shape": [int(n) for n in first.input_shape[1:]],
        "classes": list(content.class_names or map(str, range(first.output_shape[-1]))),
        "probabilities": content.are_probabilities,
        "alphabet": base85.ALPHABET,
        "mistakes": [
            {"source": _png(image), "label": label} for image, label in content.mistakes
        ],
        "drawing": content.drawing,
        "models": [{"name": name, **facts} for name, (facts, _) in embedded.items()],
    }
    scripts = {p.stem: p.read_text(encoding="utf-8") for p in HERE.glob("*.js")}
    text = _template().render(
        content=content,
        card=card_as_html(content.card),
        networks=[(name, model.count_params()) for name, model in models.items()],
        data=json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"),
        weights=[base85.encode(weights) for _, weights in embedded.values()],
        scripts=scripts,
        runtime=runtime,
    )
    pathlib.Path(path).write_text(text, encoding="utf-8")


def drawing_of(images):
    """How one draws what looks like the images, or None where they are in colour.

    Args:
        images: uint8 `[n, height, width, channels]`.

    Returns:
        Dict of `bright` (whether strokes are brighter than the ground) and `fill` (how
        much of the side the longer side of what is drawn takes: 20/28 in MNIST).
    """
    if images.shape[3] != 1:
        return None
    levels = images[..., 0].astype(int)
    bright = bool(np.median(levels) < 128)
    inked = levels > 127 if bright else levels < 128
    sides = []
    for one in inked:
        rows, columns = (np.flatnonzero(one.any(axis=axis)) for axis in (1, 0))
        if rows.size:
            sides.append(max(np.ptp(rows), np.ptp(columns)) + 1)
    fill = float(np.median(sides)) / max(images.shape[1:3]) if sides else 1.0
    return {"bright": bright, "fill": round(fill, 3)}


def card_as_html(text):
    """A model card's headings and paragraphs as HTML; all else is escaped."""
    parts = []
    for block in re.split(r"\n\s*\n", text.strip()):
        block = html.escape(" ".join(block.split()))
        block = re.sub(r"`([^`]+)`", r"<code>\1</code>", block)
        block = re.sub(r"\*([^*]+)\*", r"<em>\1</em>", block)
        heading = re.fullmatch(r"#+ (.*)", block)
        parts.append(f"<h3>{heading[1]}</h3>" if heading else f"<p>{block}</p>")
    return "\n".join(parts) if text.strip() else ""


def _png(image):
    stream = io.BytesIO()
    shown = image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image
    Image.fromarray(shown).save(stream, "PNG", optimize=True)
    return base64.b64encode(stream.getvalue()).decode()


def _template():
    loader = jinja2.FileSystemLoader(HERE)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("page.html")

"""What runs the networks of a page."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Runtime:
    """A script that defines `network`, and what it wants of a page.

    `network.load(content, text)`, of a page's content and a function from the id of a
    block to its text, gives the networks: functions from an image, float32 `[height *
    width * channels]`, to outputs `[classes]`. They may be promised, and the outputs.

    Attributes:
        script: the script's file in this directory, without `.js`.
        embed: function from a plain `keras.Model` to (dict for `content.models`; bytes
            for the block `weights-N`). It raises UserError for what it cannot run.
        name: of the package that computes, with its version. Where there is none, this
            and what follows is "".
        module: the package's JavaScript, and `wasm`: its WebAssembly, as text.
        licences: of all that is in the package.
    """

    script: str
    embed: Callable
    name: str = ""
    module: str = ""
    wasm: str = ""
    licences: str = ""

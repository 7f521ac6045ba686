"""Bytes as text that may stand in a page, 5 characters for 4; `base85.js` reads it."""

from __future__ import annotations

import base64

# Those of RFC 1924 but for three that mean something in HTML.
ALPHABET = (
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    "!#$%.()*+-;,=:?@^_`{|}~"
)
LONGER = 5 / 4  # than the bytes
_TO_ALPHABET = str.maketrans("<>&", ",:.")


def encode(data):
    """The text of bytes."""
    return base64.b85encode(data).decode().translate(_TO_ALPHABET)

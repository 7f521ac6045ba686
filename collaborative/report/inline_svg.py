"""Pictures as addresses, so that a page holds them: SVG in few characters."""

from __future__ import annotations

import re
import urllib.parse

_UNSEEN = re.compile(
    r"<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>|<!--.*?-->|(?<=>)\s+(?=<)",
    re.DOTALL,
)
_GROUP_NAMES = re.compile(r'(?<=<g) id="[^"]*"')  # nothing refers to them
_GROUPS = re.compile(r"<g>|<g [^>]*>|</g>")
_PLACES = re.compile(r'(?<= )(?:d|x|y)="[^"]*"|(?<=translate)\([^)]*\)')
_DECIMALS = re.compile(r"(\.\d\d)\d+")
_COMMANDS = re.compile(r"\s*([A-Za-z])\s*")  # in the outline of a path
_STYLES = re.compile(r'style="([^"]*)"')
# A letter after the first of a line.
_LETTER = re.compile(
    r'(<use xlink:href="[^"]*") transform="translate\(([-\d.]+) 0\)"/>'
)
_HASHES = re.compile(r'(?<=[#"])[mph][0-9a-f]{10}(?=[")])')  # names of marks and clips
_AS_IT_IS = " '()*+,-./:;=@_~!$<>"  # characters of SVG that a data URI may have


def data_uri(svg):
    """A picture of matplotlib as an address, shorter than in base64.

    It has no character that ends an attribute in double quotes, and looks as before.
    """
    single = _compact(svg).replace("'", "&#39;").replace('"', "'")
    return f"data:image/svg+xml,{urllib.parse.quote(single, safe=_AS_IT_IS)}"


def _compact(svg):
    """An SVG without what nobody sees: metadata, and fractions of 1/100 of a point."""
    svg = _PLACES.sub(_shortened, _GROUP_NAMES.sub("", _UNSEEN.sub("", svg)))
    svg = _with_classes(_LETTER.sub(r'\1 x="\2"/>', svg))
    svg = _without_empty_groups(_with_short_names(svg))
    return svg.replace("DejaVuSans-", "").replace("xlink:href", "href")


def _shortened(found):
    """A number, a place or an outline in fewer characters."""
    text = _DECIMALS.sub(r"\1", found[0])
    if not text.startswith("d="):
        return text
    outline = _COMMANDS.sub(r"\1", text[3:-1]).strip()
    return f'd="{outline.replace(" ", ",")}"'


def _with_classes(svg):
    """Has each style once, in the sheet of styles that matplotlib writes."""
    names = {}

    def named(style):
        rule = style[1].replace(": ", ":").replace("; ", ";")
        return f'class="{names.setdefault(rule, f"s{len(names)}")}"'

    head, end, rest = svg.partition("</style>")
    rest = _STYLES.sub(named, rest)
    rules = "".join(f".{name}{{{rule}}}" for rule, name in names.items())
    return head + rules + end + rest


def _with_short_names(svg):
    names = {}
    return _HASHES.sub(
        lambda name: names.setdefault(name[0], f"{name[0][0]}{len(names)}"), svg
    )


def _without_empty_groups(svg):
    """Takes out groups that say nothing of what is in them."""
    says_nothing = []

    def kept(tag):
        if tag[0] == "</g>":
            return "" if says_nothing.pop() else tag[0]
        says_nothing.append(tag[0] == "<g>")
        return "" if says_nothing[-1] else tag[0]

    return _GROUPS.sub(kept, svg)

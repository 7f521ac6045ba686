"""Pictures as the page holds them."""

import re
import urllib.parse
import xml.etree.ElementTree as ElementTree

import pytest
from matplotlib.figure import Figure

from collaborative.report import figures, inline_svg

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def svg(tmp_path_factory):
    figure = Figure((3, 2), layout="constrained")
    axes = figure.add_subplot(title='it\'s <one> & "two"')
    axes.plot([1, 2, 3], [0.123456, 3, 2], "o-")
    path = figures.save(figure, tmp_path_factory.mktemp("figures"), "f")
    return path.read_text(encoding="utf-8")


def numbers(text):
    return [
        float(part)
        for part in "".join(c if c in "-.0123456789" else " " for c in text).split()
    ]


def rules(root):
    """The declarations of each class, in the order that matplotlib writes them in."""
    sheet = next(root.iter(f"{SVG}style")).text
    return dict(re.findall(r"\.(\w+)\{([^}]*)\}", sheet))


def link(node):
    return node.get("href") or node.get("{http://www.w3.org/1999/xlink}href") or ""


def test_a_compact_picture_shows_the_same(svg):
    compact = inline_svg._compact(svg)
    assert len(compact) < 0.6 * len(svg)
    whole, small = map(ElementTree.fromstring, (svg, compact))
    shown = [node for node in whole.iter() if node.tag.startswith(SVG)]
    shown = [n for n in shown if n.tag != f"{SVG}metadata" and says_something(n)]
    assert [node.tag for node in shown] == [node.tag for node in small.iter()]
    styles = rules(small)
    for node, other in zip(shown, small.iter(), strict=True):
        for name in ("d", "x", "y", "transform"):
            given, kept = (numbers(n.get(name, "")) for n in (node, other))
            if name == "x" and is_letter(node):
                given = numbers(node.get("transform", ""))[:1]
            if name != "transform" or not is_letter(node):
                assert kept == pytest.approx(given, abs=0.01)
        style = node.get("style", "").replace(": ", ":").replace("; ", ";")
        assert styles.get(other.get("class"), "") == style


def says_something(node):
    """Not a group whose name is all that it has."""
    return node.tag != f"{SVG}g" or set(node.keys()) - {"id"}


def is_letter(node):
    return node.tag == f"{SVG}use" and "DejaVu" in link(node)


def test_what_is_referred_to_keeps_its_name(svg):
    small = ElementTree.fromstring(inline_svg._compact(svg))
    names = [node.get("id") for node in small.iter() if node.get("id")]
    assert len(set(names)) == len(names)
    used = {link(node)[1:] for node in small.iter() if link(node)}
    used |= {
        node.get("clip-path")[5:-1] for node in small.iter() if node.get("clip-path")
    }
    assert used and used <= set(names)


def test_a_picture_is_one_attribute_of_the_page(svg):
    uri = inline_svg.data_uri(svg)
    assert not set(uri) & set('"&#\n')
    kind, _, data = uri.partition(",")
    assert kind == "data:image/svg+xml"
    same = ElementTree.fromstring(urllib.parse.unquote(data))
    expected = ElementTree.fromstring(inline_svg._compact(svg))
    assert ElementTree.tostring(same) == ElementTree.tostring(expected)

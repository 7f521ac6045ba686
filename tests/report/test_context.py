"""Pictures as the page holds them."""

import urllib.parse
import xml.etree.ElementTree as ElementTree

import pytest
from matplotlib.figure import Figure

from collaborative.report import context, figures

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


def test_a_compact_picture_shows_the_same(svg):
    compact = context._compact(svg)
    assert len(compact) < 0.75 * len(svg)
    whole, small = map(ElementTree.fromstring, (svg, compact))
    shown = [node for node in whole.iter() if "metadata" not in str(node.tag)]
    shown = [node for node in shown if node.tag.startswith(SVG)]
    assert [node.tag for node in shown] == [node.tag for node in small.iter()]
    for node, other in zip(shown, small.iter(), strict=True):
        for name in ("d", "x", "y", "transform"):
            expected = numbers(node.get(name, ""))
            assert numbers(other.get(name, "")) == pytest.approx(expected, abs=0.01)
        assert node.get("style") == other.get("style")


def test_what_is_referred_to_keeps_its_name(svg):
    small = ElementTree.fromstring(context._compact(svg))
    names = {node.get("id") for node in small.iter()}
    link = "{http://www.w3.org/1999/xlink}href"
    used = {node.get(link)[1:] for node in small.iter() if node.get(link)}
    assert used and used <= names


def test_a_picture_is_one_attribute_of_the_page(svg):
    compact = context._compact(svg)
    uri = context._data_uri(compact)
    assert not set(uri) & set('"<>&#\n')
    kind, _, data = uri.partition(",")
    assert kind == "data:image/svg+xml"
    same = ElementTree.fromstring(urllib.parse.unquote(data))
    expected = ElementTree.fromstring(compact)
    assert ElementTree.tostring(same) == ElementTree.tostring(expected)

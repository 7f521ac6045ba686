"""What a plugin's code raises later, while a run trains."""

import sys

import pytest

from collaborative.system import plugins


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """The path of a plugin that was run, with a function that fails in line 2."""
    monkeypatch.setattr(plugins, "_paths", [])
    monkeypatch.setattr(plugins, "_given", [])
    monkeypatch.setitem(sys.modules, plugins.MODULE, None)
    path = tmp_path / "own.py"
    path.write_text("def fails(key):\n    return {}[key]\n")
    plugins.run(str(path))
    return path


def test_its_errors_are_told_with_their_line(plugin):
    with pytest.raises(KeyError) as caught:
        sys.modules[plugins.MODULE].fails("a\nb")
    said = plugins.said_by(caught.value)
    assert said == rf"--plugin {plugin}, line 2: KeyError: 'a\nb'"


def test_other_errors_are_not_its_own(plugin):
    with pytest.raises(KeyError) as caught:
        {}["key"]
    assert plugins.said_by(caught.value) == ""

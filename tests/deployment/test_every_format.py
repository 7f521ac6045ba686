"""All formats at once: a table that says of each what came of it."""

import pytest

from collaborative.deployment import artifacts, every_format, formats

OPTIONS = artifacts.Options("ST", "all")
CHECKED = {"images": 256, "largest_difference": 1e-6, "latency_ms": {"alone": 0.25}}


@pytest.mark.parametrize(
    "options, name",
    [
        ({"format": "keras"}, "ST-keras"),
        ({"format": "onnx", "softmax": True}, "ST-softmax-onnx"),
        ({"format": "coreml", "softmax": True}, "ST-coreml"),  # always probabilities
        (
            {"format": "litert", "batch": 1, "quantize": "int8"},
            "ST-litert-batch1-int8",
        ),
    ],
)
def test_an_artifact_s_directory_says_what_is_in_it(options, name):
    assert artifacts.Options("ST", **options).name == name


@pytest.fixture
def written(monkeypatch):
    """Formats in which an artifact was written, by a stand-in; Core ML is not there."""
    forms = []

    def export(source, options, output_dir):
        if options.format == "web":
            raise formats.ConversionFailed("too large for a page")
        forms.append(options.format)
        return output_dir, {"bytes": 1_000, "verification": CHECKED}

    def check_packages(form, writing=False):
        if form == "coreml":
            raise formats.MissingPackage("coremltools must be installed")

    monkeypatch.setattr(artifacts, "export", export)
    monkeypatch.setattr(formats, "check_packages", check_packages)
    monkeypatch.setattr(
        every_format.verification_text, "short", lambda checked: "1.0e-06"
    )
    return forms


def test_each_format_is_written_or_its_reason_told(written, tmp_path):
    table = every_format.export(None, OPTIONS, tmp_path)
    assert (tmp_path / "ST-all.txt").read_text(encoding="utf-8") == table + "\n"
    _, *rows = table.splitlines()
    assert [row.split()[0] for row in rows] == list(formats.FILES)
    assert written == [f for f in formats.FILES if f not in ("coreml", "web")]
    lines = {row.split()[0]: row for row in rows}
    assert lines["keras"].split()[1:] == ["1.0e-06", "1,000", "0.250"]
    assert "not written: coremltools must be installed" in lines["coreml"]
    assert "not written: too large for a page" in lines["web"]


@pytest.mark.parametrize(
    "options, forms",
    [
        ({"quantize": "int8"}, ["litert", "onnx"]),
        ({"quantize": "float16"}, ["litert", "openvino"]),
        ({"batch": 1}, ["litert", "onnx", "openvino"]),
    ],
)
def test_what_a_format_does_not_have_is_not_written(options, forms, written, tmp_path):
    options = artifacts.Options("ST", "all", **options)
    every_format.export(None, options, tmp_path)
    assert written == forms
    assert (tmp_path / f"{options.name}.txt").is_file()


def test_without_any_format_the_reason_is_told(written, tmp_path, monkeypatch):
    def fails(*arguments):
        raise formats.ConversionFailed("ST cannot be written")

    monkeypatch.setattr(artifacts, "export", fails)
    with pytest.raises(formats.ConversionFailed, match="ST cannot be written"):
        every_format.export(None, OPTIONS, tmp_path)
    assert not list(tmp_path.iterdir())

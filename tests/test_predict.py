import json
import os
import signal

import keras
import numpy as np
import pytest
from collaborative.models import EnsembleModel
from conftest import ROOT
from PIL import Image

from collaborative import predict
from collaborative.deployment import image_files, model_card

RAMP = np.arange(0, 256, 4, dtype=np.uint8).reshape(8, 8)


def saved(tmp_path, image, mode=None, name="picture.png", **options):
    picture = Image.fromarray(image)
    if mode:
        picture = picture.convert(mode)
    picture.save(tmp_path / name, **options)
    return tmp_path / name


def test_grey_pictures_are_read_exactly(tmp_path):
    path = saved(tmp_path, RAMP)
    np.testing.assert_array_equal(image_files.read(path, (8, 8)), RAMP)
    np.testing.assert_array_equal(image_files.read(path, (8, 8, 1))[..., 0], RAMP)
    colour = image_files.read(path, (8, 8, 3))
    np.testing.assert_array_equal(colour, np.repeat(RAMP[..., None], 3, axis=2))


def test_colour_becomes_grey_by_luminance(tmp_path):
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 255
    path = saved(tmp_path, red)
    np.testing.assert_array_equal(image_files.read(path, (8, 8, 3)), red)
    # ITU-R 601: 0.299 of 255.
    np.testing.assert_array_equal(image_files.read(path, (8, 8)), np.full((8, 8), 76))


def test_sixteen_bits_are_scaled(tmp_path):
    path = saved(tmp_path, RAMP.astype(np.uint16) * 257)
    np.testing.assert_array_equal(image_files.read(path, (8, 8)), RAMP)


@pytest.mark.parametrize("mode", ["P", "1", "LA", "RGBA", "CMYK"])
def test_modes_of_pillow(mode, tmp_path):
    black_and_white = np.where(RAMP < 128, 0, 255).astype(np.uint8)
    name = "picture.tif" if mode == "CMYK" else "picture.png"
    path = saved(tmp_path, black_and_white, mode, name)
    np.testing.assert_array_equal(image_files.read(path, (8, 8)), black_and_white)


def test_transparency_is_white(tmp_path):
    black = np.zeros((8, 8, 4), np.uint8)
    black[..., 3] = RAMP
    path = saved(tmp_path, black)
    np.testing.assert_array_equal(image_files.read(path, (8, 8)), 255 - RAMP)


def test_rotated_pictures_are_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    path = saved(tmp_path, np.rot90(RAMP), exif=exif)
    np.testing.assert_array_equal(image_files.read(path, (8, 8)), RAMP)


def test_pictures_are_stretched(tmp_path):
    halves = np.zeros((30, 20), np.uint8)
    halves[:, 10:] = 200
    read = image_files.read(saved(tmp_path, halves), (6, 4))
    assert read.shape == (6, 4)
    assert (read[:, 0] == 0).all() and (read[:, 3] == 200).all()


def test_unreadable_pictures_say_why(tmp_path):
    text = tmp_path / "text.png"
    text.write_text("no picture")
    with pytest.raises(image_files.UnreadablePicture, match="not a picture"):
        image_files.read(text, (8, 8))
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    whole = saved(tmp_path, noise, name="picture.jpg")
    whole.write_bytes(whole.read_bytes()[:1000])
    with pytest.raises(image_files.UnreadablePicture, match="truncated"):
        image_files.read(whole, (8, 8))
    fractions = saved(tmp_path, RAMP.astype(np.float32), name="picture.tif")
    with pytest.raises(image_files.UnreadablePicture, match="unknown range"):
        image_files.read(fractions, (8, 8))


def test_folders_are_read_at_any_depth(tmp_path):
    for name in ("b.png", "a/c.png", ".hidden/d.png", "a/.e.png"):
        (tmp_path / "all" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "all" / name).touch()
    (tmp_path / "empty").mkdir()
    found, missing = image_files.find(
        [tmp_path / "all", tmp_path / "empty", tmp_path / "gone.png"]
    )
    assert [str(p.relative_to(tmp_path)) for p in found] == ["all/a/c.png", "all/b.png"]
    assert list(missing.values()) == ["an empty folder", "No such file or directory"]


def test_what_is_no_file_is_named(tmp_path):
    pipe, link = tmp_path / "folder" / "pipe.png", tmp_path / "folder" / "link.png"
    pipe.parent.mkdir()
    os.mkfifo(pipe)  # to read it is to wait for a writer
    link.symlink_to(tmp_path / "gone.png")
    long = "a" * 300
    found, missing = image_files.find([pipe.parent, pipe, long])
    assert found == []
    assert missing == {
        str(link): "not a file",
        str(pipe): "not a file",
        long: "File name too long",
    }


@pytest.mark.parametrize(
    "error, reason",
    [
        (RuntimeError("Failed to decode image: Invalid"), "Failed to decode image"),
        (PermissionError(13, "Permission denied", "x.png"), "^Permission denied$"),
        (ValueError(), "ValueError"),
    ],
)
def test_whatever_a_decoder_raises_skips_the_picture(error, reason, monkeypatch):
    def refuse(path):
        raise error

    monkeypatch.setattr(image_files.Image, "open", refuse)
    with pytest.raises(image_files.UnreadablePicture, match=reason):
        image_files.read("picture.avif", (8, 8))


def test_most_probable():
    probabilities = np.array([0.1, 0.6, 0.3])
    assert predict.most_probable(probabilities, ("a", "b", "c"), 2) == [
        {"class": "b", "probability": 0.6},
        {"class": "c", "probability": 0.3},
    ]
    assert len(predict.most_probable(probabilities, ("a", "b", "c"), 9)) == 3


def linear(name, weights):
    """Logits that are the mean brightness of the image times a weight a class."""
    dense = keras.layers.Dense(3, use_bias=False)
    layers = [keras.layers.GlobalAveragePooling2D(), dense]
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers], name=name)
    dense.set_weights([np.array([weights], np.float32)])
    return model


@pytest.fixture
def run_dir(tmp_path):
    """A run's directory with an ensemble whose answers are known."""
    members = [linear("up", [0, 0, 0.01]), linear("down", [0.02, 0, 0])]
    directory = tmp_path / "run"
    directory.mkdir()
    EnsembleModel(members).save(directory / "model.keras")
    names = {"class_names": ["dark", "grey", "light"]}
    (directory / "config.json").write_text(json.dumps(names))
    return directory


@pytest.fixture
def command(capsys):
    """Runs the command in this process: (exit status, stdout, lines of stderr)."""

    def run(*arguments):
        try:
            status = predict.main(["predict.py", *map(str, arguments)])
        except SystemExit as error:
            status = error.code
        captured = capsys.readouterr()
        return status, captured.out, captured.err.splitlines()

    yield run
    for flag in predict.FLAGS:
        predict.FLAGS[flag].unparse()


def softmax(logits):
    return (np.exp(logits) / np.exp(logits).sum()).tolist()


def test_json_of_each_member_and_the_ensemble(run_dir, tmp_path, command):
    path = saved(tmp_path, np.full((9, 7), 100, np.uint8))
    (tmp_path / "bad.png").write_text("no picture")
    status, out, err = command(
        "--model", run_dir, "--json", "--top", 3, path, tmp_path / "bad.png"
    )
    output = json.loads(out)
    bad = str(tmp_path / "bad.png")
    assert status == 0 and err == [f"skipped {bad}: not a picture"]
    assert output["skipped"] == [{"file": bad, "reason": "not a picture"}]
    (picture,) = output["pictures"]
    assert picture["file"] == str(path)
    expected = {"up": [0, 0, 1], "down": [2, 0, 0], "ensemble": [1, 0, 0.5]}
    assert picture["predictions"].keys() == expected.keys()
    for name, logits in expected.items():
        got = {c["class"]: c["probability"] for c in picture["predictions"][name]}
        wanted = dict(zip(("dark", "grey", "light"), softmax(logits), strict=True))
        assert got == pytest.approx(wanted, abs=1e-5)


def test_table(run_dir, tmp_path, command):
    path = saved(tmp_path, np.full((8, 8), 100, np.uint8))
    status, out, err = command("--model", run_dir / "model.keras", "--top", 1, path)
    assert (status, err) == (0, [])
    assert [line.split() for line in out.splitlines()] == [
        ["picture", "by", "1."],
        [str(path), "up", "light", "57.6", "%"],
        ["down", "dark", "78.7", "%"],
        ["ensemble", "dark", "50.6", "%"],
    ]


def test_exported_probabilities_are_not_softmaxed_again(tmp_path, command):
    member = linear("up", [0, 0, 0.01])
    outputs = keras.layers.Softmax()(member.outputs[0])
    keras.Model(member.inputs[0], outputs).save(tmp_path / "model.keras")
    metadata = {
        "file": "model.keras",
        "format": "keras",
        "member": "up",
        "outputs": "probabilities",
        "class_names": ["dark", "grey", "light"],
        "input": {"shape": [None, 8, 8, 1]},
    }
    path = saved(tmp_path, np.full((8, 8), 100, np.uint8))
    for outputs in ("without metadata", "with metadata"):
        status, out, _ = command("--model", tmp_path / "model.keras", "--json", path)
        first = next(iter(json.loads(out)["pictures"][0]["predictions"].values()))[0]
        assert status == 0 and first["probability"] == pytest.approx(0.5761, abs=1e-4)
        assert first["class"] == ("2" if outputs == "without metadata" else "light")
        (tmp_path / model_card.METADATA).write_text(json.dumps(metadata))


def test_one_line_for_a_person(run_dir, tmp_path, command):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.keras").write_text("no model")
    cases = [
        ((), 2, "--model"),
        (("--model", run_dir), 2, "name pictures or folders"),
        (("--model", run_dir, "--top", 0, "a.png"), 2, "positive"),
        (("--model", tmp_path / "gone", "a.png"), 1, "gone: No such file or directory"),
        (
            ("--model", tmp_path / "empty", "a.png"),
            1,
            "is no model: give the dir",
        ),
        (("--model", tmp_path / "text.keras", "a.png"), 1, "cannot be loaded"),
        (("--model", "a" * 300, "a.png"), 1, "File name too long"),
    ]
    for arguments, status, message in cases:
        got, out, err = command(*arguments)
        assert (got, out, len(err)) == (status, "", 1)
        assert message in err[0]
    got, out, err = command("--model", run_dir, tmp_path / "empty")
    assert (got, out) == (1, "") and "none of the pictures could be read" in err[1]


def test_interrupted_at_the_start(run_dir, command, monkeypatch):
    monkeypatch.setattr(
        predict.command_line,
        "start_tensorflow",
        lambda: signal.raise_signal(signal.SIGINT),
    )
    status, out, err = command("--model", run_dir, "picture.png")
    assert (status, out, len(err)) == (130, "", 1)
    assert err[0].endswith("interrupted")


def test_files_of_others_beside_a_model_are_not_ours(tmp_path, command):
    linear("up", [0, 0, 0.01]).save(tmp_path / "model.keras")
    (tmp_path / "metadata.json").write_text('{"keras_version": "3"}')
    (tmp_path / "config.json").write_text('{"class_names": ["one"]}')
    path = saved(tmp_path, RAMP)
    for content in ('{"class_names": ["one"]}', "[1, 2]"):
        (tmp_path / "config.json").write_text(content)
        status, out, _ = command("--model", tmp_path / "model.keras", "--top", 1, path)
        assert status == 0 and out.splitlines()[1].split()[1:3] == ["up", "2"]


def test_a_model_of_something_else_is_refused(tmp_path, command):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)], name="rows")
    model.save(tmp_path / "rows.keras")
    got, _, err = command("--model", tmp_path / "rows.keras", ROOT / "README.md")
    assert got == 1 and "rows takes inputs of shape (None, 4), not images" in err[0]

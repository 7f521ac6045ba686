import os
import struct
import zlib

import numpy as np
import pytest
from picture_files import RAMP, picture_file
from PIL import Image

from collaborative.data import pictures


def test_grey_pictures_are_read_exactly(tmp_path):
    path = picture_file(tmp_path, RAMP)
    np.testing.assert_array_equal(pictures.read(path, (8, 8)), RAMP)
    np.testing.assert_array_equal(pictures.read(path, (8, 8, 1))[..., 0], RAMP)
    colour = pictures.read(path, (8, 8, 3))
    np.testing.assert_array_equal(colour, np.repeat(RAMP[..., None], 3, axis=2))


def test_colour_becomes_grey_by_luminance(tmp_path):
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 255
    path = picture_file(tmp_path, red)
    np.testing.assert_array_equal(pictures.read(path, (8, 8, 3)), red)
    # ITU-R 601: 0.299 of 255.
    np.testing.assert_array_equal(pictures.read(path, (8, 8)), np.full((8, 8), 76))


def test_sixteen_bits_are_scaled(tmp_path):
    path = picture_file(tmp_path, RAMP.astype(np.uint16) * 257)
    np.testing.assert_array_equal(pictures.read(path, (8, 8)), RAMP)


@pytest.mark.parametrize("mode", ["P", "1", "LA", "RGBA", "CMYK"])
def test_modes_of_pillow(mode, tmp_path):
    black_and_white = np.where(RAMP < 128, 0, 255).astype(np.uint8)
    name = "picture.tif" if mode == "CMYK" else "picture.png"
    path = picture_file(tmp_path, black_and_white, mode, name)
    np.testing.assert_array_equal(pictures.read(path, (8, 8)), black_and_white)


def test_transparency_is_white(tmp_path):
    black = np.zeros((8, 8, 4), np.uint8)
    black[..., 3] = RAMP
    path = picture_file(tmp_path, black)
    np.testing.assert_array_equal(pictures.read(path, (8, 8)), 255 - RAMP)


def test_rotated_pictures_are_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    path = picture_file(tmp_path, np.rot90(RAMP), exif=exif)
    np.testing.assert_array_equal(pictures.read(path, (8, 8)), RAMP)


def test_pictures_are_stretched(tmp_path):
    halves = np.zeros((30, 20), np.uint8)
    halves[:, 10:] = 200
    read = pictures.read(picture_file(tmp_path, halves), (6, 4))
    assert read.shape == (6, 4)
    assert (read[:, 0] == 0).all() and (read[:, 3] == 200).all()


def test_unreadable_pictures_say_why(tmp_path):
    text = tmp_path / "text.png"
    text.write_text("no picture")
    with pytest.raises(pictures.UnreadablePicture, match="not a picture"):
        pictures.read(text, (8, 8))
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    whole = picture_file(tmp_path, noise, name="picture.jpg")
    whole.write_bytes(whole.read_bytes()[:1000])
    with pytest.raises(pictures.UnreadablePicture, match="truncated"):
        pictures.read(whole, (8, 8))
    fractions = picture_file(tmp_path, RAMP.astype(np.float32), name="picture.tif")
    with pytest.raises(pictures.UnreadablePicture, match="unknown range"):
        pictures.read(fractions, (8, 8))


def test_folders_are_read_at_any_depth(tmp_path):
    for name in ("b.png", "a/c.png", ".hidden/d.png", "a/.e.png"):
        (tmp_path / "all" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "all" / name).touch()
    (tmp_path / "empty").mkdir()
    found, missing = pictures.find(
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
    found, missing = pictures.find([pipe.parent, pipe, long])
    assert found == []
    assert missing == {
        str(link): "a link to nothing",
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

    monkeypatch.setattr("PIL.Image.open", refuse)
    with pytest.raises(pictures.UnreadablePicture, match=reason):
        pictures.read("picture.avif", (8, 8))


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(
        ">I", zlib.crc32(kind + body)
    )  # fmt: skip


def png(path, depth, colour_type, levels, transparent=None, palette=b""):
    """Writes a PNG of one row of 4 pixels, as its specification has it."""
    bits = "".join(format(level, f"0{depth}b") for level in levels)
    row = int(bits, 2).to_bytes(len(bits) // 8, "big")
    header = struct.pack(">IIBBBBB", 4, 1, depth, colour_type, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"PLTE", palette), (b"tRNS", transparent)]
    chunks += [(b"IDAT", zlib.compress(b"\0" + row)), (b"IEND", b"")]
    written = [chunk(k, b) for k, b in chunks if b or k == b"IEND"]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(written))
    return path


GREY, COLOUR, PALETTE, GREY_ALPHA, COLOUR_ALPHA = 0, 2, 3, 4, 6


@pytest.mark.parametrize(
    "depth, levels, expected",
    [
        (2, [0, 1, 2, 3], [0, 85, 170, 255]),
        (4, [0, 1, 7, 15], [0, 17, 119, 255]),
        (8, [0, 1, 117, 255], [0, 1, 117, 255]),
        (16, [0, 1, 117 * 257, 65535], [0, 0, 117, 255]),
    ],
)
def test_one_grey_level_is_transparent(depth, levels, expected, tmp_path):
    for index, level in enumerate(levels):
        key = struct.pack(">H", level)
        path = png(tmp_path / "a.png", depth, GREY, levels, key)
        wanted = [255 if i == index else grey for i, grey in enumerate(expected)]
        assert pictures.read(path, (1, 4)).tolist() == [wanted]


@pytest.mark.parametrize("depth", [8, 16])
def test_one_colour_is_transparent(depth, tmp_path):
    # In 16 bits the low byte of red is not the high one.
    red = {8: 100, 16: 100 * 256 + 7}[depth]
    levels = [red, 0, 0, 7, 0, 0, red, 9 << (depth - 8), 0, 0, 0, 0]
    key = struct.pack(">3H", red, 0, 0)
    path = png(tmp_path / "a.png", depth, COLOUR, levels, key)
    low = 7 if depth == 8 else 0
    wanted = [[255, 255, 255], [low, 0, 0], [100, 9, 0], [0, 0, 0]]
    assert pictures.read(path, (1, 4, 3)).tolist() == [wanted]


@pytest.mark.parametrize("depth", [2, 8])
def test_colours_of_a_palette_are_transparent(depth, tmp_path):
    palette, alphas = bytes([0, 0, 0, 0, 0, 0, 9, 9, 9]), bytes([0, 51])
    path = png(tmp_path / "a.png", depth, PALETTE, [0, 1, 2, 0], alphas, palette)
    # Black at a fifth: four fifths of white are left.
    assert pictures.read(path, (1, 4)).tolist() == [[255, 204, 9, 255]]


@pytest.mark.parametrize("depth", [8, 16])
def test_alpha_of_its_own(depth, tmp_path):
    top = 2**depth - 1
    levels = [0, 0, 0, top, top, top, 0, top // 5]
    path = png(tmp_path / "a.png", depth, GREY_ALPHA, levels)
    assert pictures.read(path, (1, 4)).tolist() == [[255, 0, 255, 204]]
    levels = [v for grey, a in zip(levels[::2], levels[1::2], strict=True)
              for v in (grey, grey, grey, a)]  # fmt: skip
    path = png(tmp_path / "a.png", depth, COLOUR_ALPHA, levels)
    assert pictures.read(path, (1, 4)).tolist() == [[255, 0, 255, 204]]


@pytest.mark.parametrize("photometric, expected", [(0, [255, 0]), (1, [0, 255])])
def test_sixteen_bits_of_a_tiff_may_be_inverted(photometric, expected, tmp_path):
    # Little endian; tags: size, bits, no compression, photometric, where the strip is.
    tags = [(256, 3, 2), (257, 3, 1), (258, 3, 16), (259, 3, 1), (262, 3, photometric),
            (273, 4, 8), (277, 3, 1), (278, 3, 1), (279, 4, 4)]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, v) for tag, kind, v in tags)
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    path = tmp_path / "a.tif"
    path.write_bytes(
        b"II*\0" + struct.pack("<I", 12) + struct.pack("<HH", 0, 65535) + directory
    )
    assert pictures.read(path, (1, 2)).tolist() == [expected]


@pytest.mark.parametrize("form", ["gif", "png", "webp", "mpo"])
def test_the_first_of_several_frames(form, tmp_path):
    frames = [Image.new("L", (8, 8), grey) for grey in (10, 200)]
    path = tmp_path / f"a.{form}"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert np.abs(pictures.read(path, (8, 8)).astype(int) - 10).max() <= 2

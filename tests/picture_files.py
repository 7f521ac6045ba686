"""Picture files of many kinds, as bytes, for tests of what reads them."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

RAMP = np.arange(0, 256, 4, dtype=np.uint8).reshape(8, 8)


def picture_file(folder, image, mode=None, name="picture.png", **options):
    """The path of a picture file, written from an array."""
    picture = Image.fromarray(image)
    if mode:
        picture = picture.convert(mode)
    picture.save(folder / name, **options)
    return folder / name


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def png(*, depth, colour, width, height, data, interlace=0, **chunks):
    """A PNG file, for what Pillow does not write."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    parts = {"IHDR": header, **chunks, "IDAT": zlib.compress(data), "IEND": b""}
    file = b"\x89PNG\r\n\x1a\n"
    for name, content in parts.items():
        body = name.encode() + content
        file += struct.pack(">I", len(content)) + body
        file += struct.pack(">I", zlib.crc32(body))
    return file


def saved(picture, form="PNG", **options):
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def turned(orientation, form, **options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(Image.fromarray(smooth(8, 6)), form, exif=exif, **options)


def smooth(height, width):
    """Colours that change slowly, as in photographs."""
    y, x = np.mgrid[:height, :width]
    planes = (x * 200 // width, y * 200 // height, (x + y) * 99 // (width + height))
    return np.stack(planes, axis=-1).astype(np.uint8)


def interlaced(turned_file):
    """A PNG file of 1x2 pixels, interlaced, with the EXIF of another."""
    start = turned_file.index(b"eXIf") + 4
    (size,) = struct.unpack(">I", turned_file[start - 8 : start - 4])
    return png(
        **{"depth": 8, "colour": 0, "width": 1, "height": 2, "interlace": 1},
        data=b"\0\x1e\0\xc8",  # a pixel in the first pass, and one in the last
        eXIf=turned_file[start : start + size],
    )


def exif_of(*entry, prefix=b""):
    """A block of EXIF with the orientation, big-endian: its type, and its value."""
    value = struct.pack(*entry[1:]).ljust(4, b"\0")
    return prefix + struct.pack(">2sHIHHHI", b"MM", 42, 8, 1, 274, entry[0], 1) + value


def webp(*exif, announced=True):
    """A WebP file with blocks of EXIF, of which its first chunk speaks or not."""
    plain = saved(Image.fromarray(smooth(8, 6)), "WEBP", lossless=True)
    flags = struct.pack("<I", 8 * announced)
    sizes = struct.pack("<I", 5)[:3] + struct.pack("<I", 7)[:3]
    chunks = [b"VP8X" + struct.pack("<I", 10) + flags + sizes, plain[12:]]
    for block in exif:
        padded = block + b"\0" * (len(block) % 2)
        chunks.append(b"EXIF" + struct.pack("<I", len(block)) + padded)
    content = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def transparent_palette():
    picture = Image.fromarray(noise(8, 6, 3)).quantize(16)
    return saved(picture, transparency=bytes([0, 40, 128, 255]))


# That any reader must read alike, and that decoders round in their own ways.
EXACT = {
    "grey": saved(Image.fromarray(noise(8, 6))),
    "colour": saved(Image.fromarray(noise(8, 6, 3))),
    "smooth": saved(Image.fromarray(smooth(64, 48))),  # all filters
    "transparent": saved(Image.fromarray(noise(8, 6, 4))),
    "grey, transparent": saved(Image.fromarray(noise(8, 6, 2), "LA")),
    "palette": saved(Image.fromarray(noise(8, 6, 3)).quantize(200)),
    "small palette": saved(Image.fromarray(noise(8, 6, 3)).quantize(4)),
    "transparent palette": transparent_palette(),
    "one bit": saved(Image.fromarray(noise(8, 6)).convert("1")),
    "two bits": png(
        **{"depth": 2, "colour": 0, "width": 6, "height": 2},
        data=b"\0\x1b\xe4\0\xff\x10",
    ),
    "four bits": png(
        **{"depth": 4, "colour": 0, "width": 3, "height": 1}, data=b"\0\x1f\xa0"
    ),
    "one grey is clear": saved(
        Image.fromarray(noise(8, 6)), transparency=int(noise(8, 6)[0, 0])
    ),
    "one colour is clear": saved(
        Image.fromarray(noise(8, 6, 3)),
        transparency=tuple(map(int, noise(8, 6, 3)[0, 0])),
    ),
    "smaller": saved(Image.fromarray(noise(5, 3, 3))),
    "larger": saved(Image.fromarray(noise(61, 47, 4))),
    "wide": saved(Image.fromarray(noise(8, 300))),
    "high": saved(Image.fromarray(noise(90, 33))),
    "gif": saved(Image.fromarray(noise(8, 6)), "GIF"),
    "webp": saved(Image.fromarray(noise(8, 6, 3)), "WEBP", lossless=True),
    **{f"png, orientation {i}": turned(i, "PNG") for i in range(1, 9)},
    "interlaced, turned": interlaced(turned(6, "PNG")),
    "webp, a long number": webp(exif_of(4, ">I", 6)),
    "webp, named": webp(exif_of(3, ">H", 6, prefix=b"Exif\0\0")),
    "webp, two blocks": webp(exif_of(3, ">H", 6), exif_of(3, ">H", 3)),
    "webp, not announced": webp(exif_of(3, ">H", 6), announced=False),
    "webp, empty": webp(b""),
    "webp, cut": webp(exif_of(3, ">H", 6)[:12]),
    **{f"webp, orientation {i}": turned(i, "WEBP", lossless=True) for i in range(1, 9)},
}
NEAR = {
    "jpeg": saved(Image.fromarray(smooth(32, 24)), "JPEG"),
    "large jpeg": saved(Image.fromarray(smooth(300, 200)), "JPEG", quality=60),
    "grey jpeg": saved(Image.fromarray(noise(8, 6)), "JPEG"),
    **{f"jpeg, orientation {i}": turned(i, "JPEG", quality=95) for i in range(1, 9)},
}

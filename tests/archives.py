"""Archives in the layout of notMNIST's published ones, and images, for tests."""

import gzip
import io
import tarfile

import tensorflow as tf

LETTERS = "ABCDEFGHIJ"


def png(height=28, width=28, channels=1):
    """A black image, as a published archive holds it or, in other sizes, not."""
    return tf.io.encode_png(tf.zeros((height, width, channels), tf.uint8)).numpy()


def tar(members):
    """The bytes of an uncompressed archive of (name, content)."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def write(path, members):
    """Writes a compressed archive of (name, content), and gives its path."""
    path.write_bytes(gzip.compress(tar(members)))
    return path

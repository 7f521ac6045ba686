"""Archives in the layout of notMNIST's published ones, for tests."""

import gzip
import io
import tarfile

LETTERS = "ABCDEFGHIJ"


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

"""A terminal for tests: what is written to it, and what then stands on it."""

import contextlib
import fcntl
import os
import re
import struct
import termios
import threading

_PARTS = re.compile(r"\x1b\[[?\d;]*[A-Za-z]|\r|\n|[^\r\n\x1b]+")


@contextlib.contextmanager
def opened(columns=100):
    """Yields a file that is a terminal, and a list that has its lines at the end."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    written, lines = [], []
    reader = threading.Thread(target=_read, args=(master, written))
    reader.start()
    with open(slave, "w", encoding="utf-8") as file:
        yield file, lines
    reader.join()
    os.close(master)
    lines += screen(b"".join(written).decode())


def _read(descriptor, written):
    with contextlib.suppress(OSError):  # once the other side is closed
        while data := os.read(descriptor, 65536):
            written.append(data)


def screen(text):
    """The lines that stand on a terminal after a text, without spaces at their ends."""
    lines, row, column = [""], 0, 0
    for part in _PARTS.findall(text):
        if part == "\r":
            column = 0
        elif part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part.endswith("A") and part.startswith("\x1b"):
            row -= int(part[2:-1] or 1)
        elif part == "\x1b[2K":
            lines[row] = ""
        elif not part.startswith("\x1b"):
            line = lines[row].ljust(column)
            lines[row] = line[:column] + part + line[column + len(part) :]
            column += len(part)
    return [line.rstrip() for line in lines]

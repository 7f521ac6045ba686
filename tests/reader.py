"""Somebody who runs what the pages say, in a copy of a clean checkout, in order.

Bash runs the commands as they stand. Its `python` hands each over to one process that
has imported TensorFlow and forks, which saves the seconds of that import each time.

    python reader.py SOCKET

is that process.
"""

import json
import os
import pathlib
import runpy
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
import traceback

CLIENT = """\
    #!{python} -IS
    import json, os, socket, sys
    with socket.socket(socket.AF_UNIX) as server:
        server.connect({address!r})
        request = json.dumps([os.getcwd(), sys.argv[1:]]).encode()
        socket.send_fds(server, [request], [0, 1, 2])
        sys.exit(int(server.recv(16)))
"""
STARTED = 120  # seconds until TensorFlow must have been imported


class Reader:
    """Runs blocks in a folder, in which a checkout is installed as `make run` does it.

    Args:
        checkout: the folder whose tracked files are copied.
        folder: where to; is there and is empty.
    """

    def __init__(self, checkout, folder):
        self.folder = folder
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.check_output(listed, cwd=checkout, text=True).split("\0")
        for name in filter(None, names):
            if (checkout / name).is_file():  # removed ones are listed too
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(checkout / name, folder / name)
        # The address of a socket has at most 108 bytes.
        self._place = tempfile.TemporaryDirectory()
        self._address = os.path.join(self._place.name, "socket")
        self._install()
        self._environment = os.environ | {
            "PATH": f"{folder / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "TFDS_DATA_DIR": str(folder / "no-data"),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        self._environment.pop("PYTHONPATH", None)
        self._server = subprocess.Popen(
            [sys.executable, __file__, self._address],
            env=self._environment,
            cwd=folder,
        )
        latest = time.monotonic() + STARTED
        while not os.path.exists(self._address):
            assert self._server.poll() is None and time.monotonic() < latest
            time.sleep(0.05)

    def _install(self):
        """Makes an environment of the name that the Makefile gives it."""
        programs = self.folder / ".venv" / "bin"
        programs.mkdir(parents=True)
        client = programs / "python"
        source = textwrap.dedent(CLIENT)
        client.write_text(source.format(python=sys.executable, address=self._address))
        client.chmod(0o755)
        for stamp in ("installed-to-run", "installed-to-test"):
            (self.folder / ".venv" / stamp).touch()

    def bash(self, text):
        """Runs a block of commands up to the first that fails; the ended process."""
        return subprocess.run(
            ["bash", "-e", "-c", text],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
        )

    def python(self, text):
        """Runs a block of Python in a process of its own; the ended process."""
        script = self.folder / "block.py"
        script.write_text(text, encoding="utf-8")
        return self.bash("python block.py")

    def close(self):
        self._server.terminate()
        self._server.wait()
        self._place.cleanup()


def serve(address):
    """Runs the scripts that clients ask for, each in a fork of this process."""
    import keras as keras
    import tensorflow as tf

    assert tf.keras  # which is imported when it is first used
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{address}.new")
        server.listen()
        os.rename(f"{address}.new", address)
        while True:
            connection, _ = server.accept()
            request, descriptors, *_ = socket.recv_fds(connection, 2**16, 3)
            child = os.fork()
            if not child:
                break
            for descriptor in descriptors:
                os.close(descriptor)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            connection.sendall(str(status).encode())
            connection.close()
    for standard, descriptor in enumerate(descriptors):
        os.dup2(descriptor, standard)
    folder, arguments = json.loads(request)
    os.chdir(folder)
    run(arguments)


def run(arguments):
    """Runs a script as `python` does, and ends this process with its status."""
    sys.argv = arguments
    sys.path[0] = str(pathlib.Path(arguments[0]).resolve().parent)
    status = 1
    try:
        runpy.run_path(arguments[0], run_name="__main__")
        status = 0
    except SystemExit as ended:
        code = ended.code
        status = code if isinstance(code, int) else int(code is not None)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # what TensorFlow does at an ordinary end takes over a second


if __name__ == "__main__":
    serve(sys.argv[1])

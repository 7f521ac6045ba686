"""Python processes that start at once: forks of one that has imported TensorFlow.

    python forking.py SOCKET

is that one. It imports nothing of ours and starts nothing of TensorFlow's, so that a
fork does what a process of its own does, except for variables of the environment that
are read at an import: what is tested about those takes a real process.
"""

import json
import os
import pathlib
import runpy
import socket
import subprocess
import sys
import tempfile
import time
import traceback

STARTED = 300  # seconds until TensorFlow must have been imported


class Python:
    """Runs programs as `python` does, in forks of a process that is kept."""

    def __init__(self):
        # The address of a socket has at most 108 bytes.
        self._place = tempfile.TemporaryDirectory()
        self.address = os.path.join(self._place.name, "socket")
        self._server = subprocess.Popen(
            [sys.executable, __file__, self.address],
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        )
        latest = time.monotonic() + STARTED
        while not os.path.exists(self.address):
            assert self._server.poll() is None and time.monotonic() < latest
            time.sleep(0.05)

    def __call__(self, *arguments, cwd=None, env=None):
        """Runs `python ARGUMENTS` to its end: a script, or -c and a program.

        Args:
            cwd: the folder to run in; None: this process's.
            env: the whole environment; None: this process's.

        Returns:
            The `subprocess.CompletedProcess`, with what was printed as text.
        """
        arguments = [str(argument) for argument in arguments]
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            with open(os.devnull, "rb") as nothing:
                files = [nothing.fileno(), out.fileno(), err.fileno()]
                status = ask(self.address, arguments, cwd, env, files)
            said = []
            for file in (out, err):
                file.seek(0)
                said.append(file.read().decode())
        return subprocess.CompletedProcess(arguments, status, *said)

    def close(self):
        """Ends the process that forks."""
        self._server.terminate()
        self._server.wait()
        self._place.cleanup()


def ask(address, arguments, cwd, env, files):
    """Has a program run with three open files; its exit status when it has ended."""
    environment = dict(os.environ if env is None else env)
    request = json.dumps([arguments, str(cwd or os.getcwd()), environment]).encode()
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        socket.send_fds(server, [len(request).to_bytes(8)], files)
        server.sendall(request)
        return int(server.recv(16))


def serve(address):
    """Forks for each program that is asked for, until this process is ended."""
    import keras as keras
    import tensorflow as tf

    assert tf.keras  # which is imported when it is first used
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{address}.new")
        server.listen()
        os.rename(f"{address}.new", address)
        while True:
            connection, _ = server.accept()
            size, files, *_ = socket.recv_fds(connection, 8, 3)
            request = connection.recv(int.from_bytes(size), socket.MSG_WAITALL)
            child = os.fork()
            if not child:
                break
            for file in files:
                os.close(file)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            connection.sendall(str(status).encode())
            connection.close()
    for standard, file in enumerate(files):
        os.dup2(file, standard)
    arguments, folder, environment = json.loads(request)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    run(arguments)


def run(arguments):
    """Runs a program as `python` does, and ends this process with its status."""
    status = 1
    try:
        if arguments[0] == "-c":
            sys.argv = ["-c", *arguments[2:]]
            sys.path[0] = ""
            _add_paths()
            exec(compile(arguments[1], "<string>", "exec"), {"__name__": "__main__"})
        else:
            sys.argv = arguments
            sys.path[0] = str(pathlib.Path(arguments[0]).resolve().parent)
            _add_paths()
            runpy.run_path(arguments[0], run_name="__main__")
        status = 0
    except SystemExit as ended:
        code = ended.code
        status = code if isinstance(code, int) else int(code is not None)
        if isinstance(code, str):
            print(code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # what TensorFlow does at an ordinary end takes over a second


def _add_paths():
    paths = os.environ.get("PYTHONPATH")
    sys.path[1:1] = paths.split(os.pathsep) if paths else []


if __name__ == "__main__":
    serve(sys.argv[1])

"""Python processes that start at once: forks of one that has imported TensorFlow.

    python forking.py SOCKET

is that one. It imports nothing of ours and starts nothing of TensorFlow's, so that a
fork does what a process of its own does, except for variables of the environment that
are read at an import: what is tested about those takes a real process. What a fork
starts by `sys.executable` is a fork too.
"""

import contextlib
import gc
import json
import os
import pathlib
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
import traceback

with contextlib.suppress(ImportError):
    import triton  # noqa: F401  before TensorFlow: see benchmarks/before_tensorflow.py

STARTED = 300  # seconds until TensorFlow must have been imported
ENDED = 1_800  # and until a program must have ended
# A program that does as `python` does, in a fork, and ends it when it is to end.
CLIENT = """\
    #!{python} -IS
    import sys
    sys.path.append({tests!r})
    from forking import ask
    sys.exit(ask({address!r}, sys.argv[1:], None, None, [0, 1, 2], passes_on=True))
"""


class Python:
    """Runs programs as `python` does, in forks of a process that is kept.

    Attributes:
        program: path of an executable that does so, as `sys.executable` does.
    """

    def __init__(self):
        # The address of a socket has at most 108 bytes.
        self._place = tempfile.TemporaryDirectory()
        self.address = os.path.join(self._place.name, "socket")
        self.program = program_of(self.address)
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
        environment.pop("PYTHONPATH", None)  # each fork has its own
        self._server = subprocess.Popen(
            [sys.executable, __file__, self.address],
            stdin=subprocess.PIPE,  # whose end is this process's, and the server's
            env=environment,
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
        self._server.communicate()
        self._place.cleanup()


def program_of(address):
    """Where the executable is that asks the process at an address; is made at need."""
    path = pathlib.Path(address).with_name("python")
    if not path.exists():
        names = {"python": sys.executable, "address": address}
        names["tests"] = os.path.dirname(__file__)
        path.write_text(textwrap.dedent(CLIENT).format(**names))
        path.chmod(0o755)
    return str(path)


def ask(address, arguments, cwd, env, files, passes_on=False):
    """Has a program run with three open files; its exit status when it has ended.

    The program is told to end when the asker's side is closed: when the asker has
    ended, when it waited for too long, or, if it `passes_on`, at its own SIGTERM.
    """
    environment = dict(os.environ if env is None else env)
    request = json.dumps([arguments, str(cwd or os.getcwd()), environment]).encode()
    with socket.socket(socket.AF_UNIX) as server:
        server.settimeout(ENDED)
        server.connect(address)
        socket.send_fds(server, [len(request).to_bytes(8)], files)
        server.sendall(request)
        if passes_on:
            signal.signal(signal.SIGTERM, lambda *_: server.shutdown(socket.SHUT_WR))
        return int(server.recv(16))


def serve(address):
    """Forks for each program that is asked for, until the end of stdin."""
    import keras as keras
    import tensorflow as tf

    assert tf.keras  # which is imported when it is first used
    sys.executable = program_of(address)
    gc.collect()
    gc.freeze()  # no fork is to look through what is imported
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{address}.new")
        server.listen()
        os.rename(f"{address}.new", address)
        while True:
            if server not in select.select([server, sys.stdin], [], [])[0]:
                os._exit(0)
            connection, _ = server.accept()
            if not os.fork():
                break
            connection.close()
            _reap()
    attend(connection)


def _reap():
    """Forgets the children that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def attend(connection):
    """Runs the program that is asked for in a fork, and tells its exit status."""
    size, files, *_ = socket.recv_fds(connection, 8, 3)
    request = connection.recv(int.from_bytes(size), socket.MSG_WAITALL)
    child = os.fork()
    if child:
        for file in files:
            os.close(file)
        status = status_of(child, connection)
        with contextlib.suppress(OSError):  # nobody asks any more
            connection.sendall(str(status).encode())
        os._exit(0)
    connection.close()
    for standard, file in enumerate(files):
        os.dup2(file, standard)
        os.close(file)
    arguments, folder, environment = json.loads(request)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    run(arguments)


def status_of(child, connection):
    """The exit status of a program, which is told to end when nobody asks any more."""
    end = os.pidfd_open(child)
    if connection in select.select([end, connection], [], [])[0]:
        os.kill(child, signal.SIGTERM)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run(arguments):
    """Runs a program as `python` does, and ends this process with its status."""
    status = 1
    try:
        if arguments[0] == "-c":
            sys.argv = ["-c", *arguments[2:]]
            _add_paths("")
            exec(compile(arguments[1], "<string>", "exec"), {"__name__": "__main__"})
        elif arguments[:2] == ["-P", "-m"]:
            sys.argv = arguments[2:]
            _add_paths()
            runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        else:
            is_isolated = arguments[0] == "-I"
            sys.argv = arguments[is_isolated:]
            if is_isolated:
                del sys.path[0]
            else:
                _add_paths(str(pathlib.Path(arguments[0]).resolve().parent))
            runpy.run_path(sys.argv[0], run_name="__main__")
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


def _add_paths(*place):
    """Puts the folder of a script, if there is any, and PYTHONPATH first."""
    paths = os.environ.get("PYTHONPATH")
    sys.path[:1] = [*place, *(paths.split(os.pathsep) if paths else [])]


if __name__ == "__main__":
    serve(sys.argv[1])

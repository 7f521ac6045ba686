"""Somebody who runs what the pages say, in a copy of a clean checkout, in order.

Bash runs the commands as they stand. Its `python` is one of `forking`, which saves the
seconds that the import of TensorFlow takes each time.
"""

import os
import shutil
import subprocess


class Reader:
    """Runs blocks in a folder, in which a checkout is installed as `make run` does it.

    Args:
        checkout: the folder whose tracked files are copied.
        folder: where to; is there and is empty.
        program: of a `forking.Python`.
        edits: triples (file, text that it has once, text in its place) of the copy.
    """

    def __init__(self, checkout, folder, program, edits=()):
        self.folder = folder
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.check_output(listed, cwd=checkout, text=True).split("\0")
        for name in filter(None, names):
            if (checkout / name).is_file():  # removed ones are listed too
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(checkout / name, folder / name)
        for name, text, other in edits:
            whole = (folder / name).read_text(encoding="utf-8")
            assert whole.count(text) == 1, f"{name} does not have once: {text}"
            (folder / name).write_text(whole.replace(text, other), encoding="utf-8")
        self._install(program)
        self._environment = os.environ | {
            "PATH": f"{folder / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "TFDS_DATA_DIR": str(folder / "no-data"),
            "XDG_CACHE_HOME": str(folder / ".venv" / "cache"),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        self._environment.pop("PYTHONPATH", None)

    def _install(self, program):
        """Makes an environment of the name that the Makefile gives it."""
        programs = self.folder / ".venv" / "bin"
        programs.mkdir(parents=True)
        shutil.copy2(program, programs / "python")
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

"""Drives headless Firefox by Marionette, its protocol; nothing but it is needed."""

import contextlib
import json
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

import browser

PATH = shutil.which("firefox")
STARTED = 60  # seconds until it must listen


class Tab(browser.Tab):
    """One page of a browser of its own, as `chromium.Tab`.

    Args:
        preferences: of the browser, by name.
    """

    def __init__(self, **preferences):
        self._preferences = {"marionette.port": 0, **preferences}

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
            profile = pathlib.Path(stack.enter_context(folder))
            lines = [
                f"user_pref({json.dumps(name)}, {json.dumps(value)});\n"
                for name, value in self._preferences.items()
            ]
            (profile / "user.js").write_text("".join(lines))
            process = subprocess.Popen(
                [PATH, "--headless", "--marionette", "--profile", str(profile)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            found = profile / "MarionetteActivePort"
            end = time.monotonic() + STARTED
            while not (found.exists() and found.read_text()):
                assert process.poll() is None and time.monotonic() < end
                time.sleep(0.05)
            address = ("127.0.0.1", int(found.read_text()))
            self._socket = stack.enter_context(socket.create_connection(address))
            self._stream = stack.enter_context(self._socket.makefile("rb"))
            self._count = 0
            self._receive()  # its greeting
            self.call("NewSession")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def call(self, method, **parameters):
        """Calls a method of WebDriver and returns its result."""
        self._count += 1
        message = [0, self._count, f"WebDriver:{method}", parameters]
        text = json.dumps(message).encode()
        self._socket.sendall(b"%d:%s" % (len(text), text))
        _, _, error, result = self._receive()
        assert error is None, error
        return result

    def _receive(self):
        size = b""
        while not size.endswith(b":"):
            size += self._stream.read(1)
        return json.loads(self._stream.read(int(size[:-1])))

    def open(self, path):
        """Opens a file, and waits until it is loaded."""
        self.call("Navigate", url=path.resolve().as_uri())

    def run(self, script):
        """The value of a script."""
        return self.call("ExecuteScript", script=f"return {script}", args=[])["value"]

    def choose(self, selector, paths):
        """Gives files to an input."""
        found = self.call("FindElement", using="css selector", value=selector)
        (element,) = found["value"].values()
        text = "\n".join(str(path.resolve()) for path in paths)
        self.call("ElementSendKeys", id=element, text=text)

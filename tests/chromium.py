"""Drives headless Chromium through its debugging pipe; nothing but it is needed."""

import json
import os
import shutil
import subprocess
import tempfile

import browser

PATH = shutil.which("chromium")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking", "--disable-sync"),
    *("--disable-component-update", "--hide-scrollbars", "--remote-debugging-pipe"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
)


class Tab(browser.Tab):
    """One page of a browser of its own; `events` are what it has reported."""

    def __enter__(self):
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        inbound, self._write = os.pipe()
        self._read, outbound = os.pipe()
        self._process = subprocess.Popen(
            # The browser reads from 3 and writes to 4.
            [
                *("bash", "-c", f'exec 3<&{inbound} 4>&{outbound}; exec "$@"', ""),
                *(PATH, *FLAGS, f"--user-data-dir={self._profile.name}"),
                "about:blank",
            ],
            pass_fds=(inbound, outbound),
            stderr=subprocess.DEVNULL,
        )
        os.close(inbound), os.close(outbound)
        self._buffer, self._count, self._session = b"", 0, None
        self.events = []
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(t["targetId"] for t in targets if t["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "DOM", "Log"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        os.close(self._write), os.close(self._read)
        self._profile.cleanup()

    def call(self, method, **parameters):
        """Calls a method of the DevTools protocol and returns its result."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._count:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def _next(self):
        while b"\0" not in self._buffer:
            part = os.read(self._read, 1 << 20)
            assert part, "the browser ended"
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def open(self, path, width=1400, height=1000, dark=False):
        """Opens a file in a window of some size, and waits until it is loaded."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            **{"width": width, "height": height, "deviceScaleFactor": 1},
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=path.resolve().as_uri())
        self.wait("document.readyState === 'complete' && location.href !== 'about:'")

    def run(self, script):
        """The value of a script, awaited where it is a promise."""
        result = self.call(
            "Runtime.evaluate",
            **{"expression": script, "returnByValue": True, "awaitPromise": True},
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def choose(self, selector, paths):
        """Gives files to an input."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        files = [str(path.resolve()) for path in paths]
        self.call("DOM.setFileInputFiles", nodeId=node, files=files)

    def press(self, key, shift=False, code=0, text=None):
        """Presses a key and lets it go."""
        common = {"key": key, "code": key, "modifiers": 8 if shift else 0}
        common["windowsVirtualKeyCode"] = code
        pressed = {"type": "keyDown" if text else "rawKeyDown"}
        self.call("Input.dispatchKeyEvent", **common, **pressed, text=text or "")
        self.call("Input.dispatchKeyEvent", **common, type="keyUp")

    def requested(self):
        """What was asked for since `events` was cleared, but for what the page has."""
        self.run("1")  # what has happened is reported before the answer
        urls = [
            event["params"]["request"]["url"]
            for event in self.events
            if event["method"] == "Network.requestWillBeSent"
        ]
        return {url for url in urls if not url.startswith(("data:", "blob:"))}

    def faults(self):
        """The errors since then, in scripts or in the browser's log."""
        kinds = ("Runtime.exceptionThrown", "Log.entryAdded")
        return [event for event in self.events if event["method"] in kinds]

    def screenshot(self):
        """The whole page as bytes of PNG, base64."""
        return self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]

"""What the tabs of all browsers have."""

import time


class Tab:
    """One page of a browser; `run` gives the value of a script."""

    def wait(self, condition, seconds=60):
        """Waits until a condition in the page's JavaScript holds."""
        end = time.monotonic() + seconds
        while not self.run(f"Boolean({condition})"):
            assert time.monotonic() < end, condition
            time.sleep(0.05)

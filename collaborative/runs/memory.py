"""Whether the memory suffices for one more experiment, from what others have taken."""

from __future__ import annotations

from collaborative.runs.planning import workload_of
from collaborative.runs.standings import epochs_logged

# Bytes, of an experiment of which nothing is known yet. The paper's take up to 2.1 GiB.
ASSUMED = 4 * 2**30
# Of a run's peak: evaluation of the trained model and its saving come after it is
# measured; they added 5 % to what {ST, M} took in its first epoch on digits.
MARGIN = 1.1


class Memory:
    """Measures the experiments of a sweep while they run.

    Args:
        log_dir: directory of all logs.
    """

    def __init__(self, log_dir):
        self._log_dir = log_dir
        self._epochs = {}  # config -> epochs that were logged before it was started
        self._now = {}  # config -> bytes, of those that run
        self._peaks = {}  # config -> bytes
        self._known = {}  # kind -> bytes of the largest peak

    def begin(self, config):
        """Notes that an experiment is started."""
        self._epochs[config] = epochs_logged(config.run_dir(self._log_dir))
        self._now[config] = self._peaks[config] = 0

    def measure(self, config, process):
        """Looks at what a running experiment takes.

        It counts for others of its kind once it has trained and evaluated an epoch.
        """
        self._now[config], peak = process.memory()
        self._peaks[config] = peak = max(peak, self._peaks[config])
        kind = workload_of(config.to_json())
        if kind not in self._known:
            logged = epochs_logged(config.run_dir(self._log_dir))
            if logged <= self._epochs[config]:
                return
        self._known[kind] = max(peak, self._known.get(kind, 0))

    def end(self, config, killed=False):
        """Notes that an experiment has ended.

        Returns:
            Its largest memory in bytes. One that was killed needs at least that.
        """
        peak = self._peaks[config]
        if killed:
            kind = workload_of(config.to_json())
            self._known[kind] = max(peak, self._known.get(kind, 0))
        del self._now[config]
        return peak

    def need(self, config):
        """Bytes that an experiment takes; None where nothing is known of its kind."""
        known = self._known.get(workload_of(config.to_json()))
        return MARGIN * known if known else None

    def left(self, free):
        """Bytes that are left when those that run have taken all that they need."""
        later = [(self.need(c) or ASSUMED) - now for c, now in self._now.items()]
        return free - sum(max(0, more) for more in later)

    def suffices(self, config, free):
        """Whether an experiment can be started beside those that run.

        Args:
            config: its `ExperimentConfig`.
            free: bytes that are free now.
        """
        return (self.need(config) or ASSUMED) <= self.left(free)

    def shortage(self, config, free, slots):
        """What to say where the memory does not suffice.

        Args:
            config: the `ExperimentConfig` that is to be started.
            free: bytes that are free now.
            slots: how many were to run at once.

        Returns:
            One line, or None where what it needs is not known.
        """
        need = self.need(config)
        if need is None:
            return None
        said = f"memory: an experiment needs {gibibytes(need)}"
        if not self._now:
            return (
                f"{said}, and {gibibytes(free)} are free: it is started all the same, "
                "and may be killed; a smaller --batch_size needs less"
            )
        left = gibibytes(max(0, self.left(free)))
        return f"{said}, and {left} are left: {len(self._now)} at once, not {slots}"


def gibibytes(count):
    """A number of bytes as text, e.g. "1.2 GiB"."""
    return f"{count / 2**30:.1f} GiB"

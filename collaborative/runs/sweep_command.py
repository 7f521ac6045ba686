"""Many experiments, run as the flags of `run_experiments` say."""

from __future__ import annotations

import collections
import contextlib
import math

from etils import epy

from collaborative.experiments.flags import FLAGS
from collaborative.system import command_line, limits, resources
from collaborative.system.errors import reason_of

with epy.lazy_imports():
    from collaborative.runs import gpus, pools, sweep


def run(configs, limit=math.inf):
    """Runs experiments side by side, each in a process of its own, and sums them up.

    Args:
        configs: the `ExperimentConfig`s, in the order in which they are started.
        limit: seconds after which it ends.

    Returns:
        The `sweep.Sweep`.
    """
    options = {n: FLAGS[n].value for n in ("data_dir", "manual_dir", "plugin")}
    options |= {"download": "true"} if FLAGS.download else {}
    options |= {} if FLAGS.stream is None else {"stream": str(FLAGS.stream).lower()}
    with experiments_pool(options, len(configs)) as pool:
        swept = sweep.Sweep(configs, FLAGS.log_dir, pool, limit=limit)
        finished = swept.run()
    print(f"{finished} of {len(configs)} experiments finished", end="")
    print(f", {len(swept.failed)} failed:" if swept.failed else "")
    for line in failure_lines(swept.failed, FLAGS.log_dir):
        command_line.show(line)
    return swept


def failure_lines(failed, log_dir):
    """What failed and why, a line for each reason.

    Args:
        failed: dict from an `ExperimentConfig` to the reason.
        log_dir: directory of the runs.
    """
    by_reason = collections.defaultdict(list)
    for config, reason in failed.items():
        by_reason[reason].append(config.run_dir(log_dir))
    for reason, (first, *others) in by_reason.items():
        more = f" and {len(others)} more" if others else ""
        yield f"  {first}{more}: {reason}"


@contextlib.contextmanager
def experiments_pool(options, count):
    """Where the experiments run: on a Ray cluster, or here, with or without GPUs.

    Args:
        options: dict of further flags for their commands.
        count: how many there are.
    """
    if FLAGS.ray:
        try:
            pool = pools.RayPool(FLAGS.ray, FLAGS.log_dir, options, count)
        except ImportError:
            command = resources.command_to_install("cluster")
            command_line.fail(f"Ray must be installed: {command}", 1)
        except (OSError, ValueError) as error:
            reason = reason_of(error)
            command_line.fail(
                f"no Ray cluster at {FLAGS.ray}: {reason}; where it asks for a token, "
                "set RAY_AUTH_MODE=token and have its token in ~/.ray/auth_token",
                1,
            )
        yield pool
        return
    slots, threads = jobs(), FLAGS.threads or 1
    with gpus.shared(gpus.visible(), min(slots, count)) as (names, environment):
        yield pools.LocalPool(
            FLAGS.log_dir, options, slots, threads, names, environment
        )


def jobs():
    """How many experiments run side by side."""
    if FLAGS.jobs:
        return FLAGS.jobs
    cores = max(1, limits.core_count() // (FLAGS.threads or 1))
    names = gpus.visible()
    return max(len(names), min(cores, gpus.jobs_that_pay(names))) if names else cores

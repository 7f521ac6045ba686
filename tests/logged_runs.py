"""The files of a run that has logged some epochs, without training."""

import json
import pickle
import shutil

import numpy as np


def logged_run(config, log_dir, epochs=4, seconds=None, finished=False, **further):
    """Writes the record and the statistics that a run would have logged.

    Args:
        **further: entries of the statistics, or others in their place.

    A run that is not finished has a checkpoint too, without variables.
    """
    seconds = np.ones(epochs) if seconds is None else np.array(seconds, float)
    curves = {"test_error": np.full(len(seconds), 0.5)}
    content = {
        "params": config.to_json(),
        "start_time": 1.0,
        "end_time": 2.0 if finished else None,
        "models": {"ensemble": curves},
        "totals": {},
        "seconds": seconds,
    } | further
    run_dir = config.run_dir(log_dir)
    run_dir.mkdir(parents=True, exist_ok=True)
    (run_dir / "stats.pkl").write_bytes(pickle.dumps(content))
    record = {"config": content["params"]}
    (run_dir / "config.json").write_text(json.dumps(record), encoding="utf-8")
    shutil.rmtree(run_dir / "checkpoint", ignore_errors=True)
    if len(seconds) and not finished:
        (run_dir / "checkpoint").mkdir()
        path = run_dir / "checkpoint" / f"epoch_{len(seconds):04d}.npz"
        np.savez(path, settings=np.array(json.dumps(content["params"])))

"""Finished runs with made-up curves: how they are written, and read as one table."""

import json
import pickle
import zlib

import numpy as np

from collaborative.runs import run_table


def synthetic_curves(config, error=None):
    """Curves like those of a run: they fall, with noise of the settings' own."""
    rng = np.random.default_rng(zlib.crc32(repr(config).encode()))
    fall = np.linspace(1, 0, config.epochs) ** 2
    models = {}
    for name in (*config.member_names, "ensemble")[: 3 if config.members[1:] else 1]:
        end = rng.uniform(0.1, 0.3) if error is None else error
        noise = rng.normal(0, 0.002, (2, config.epochs)) * fall
        errors = end + 0.5 * fall + noise
        models[name] = {
            "train_error": errors[0] / 2,
            "train_cost": errors[0],
            "train_error_running": errors[0] / 2,
            "train_cost_running": errors[0],
            "test_error": errors[1],
            "test_cost": 3 * errors[1],
        }
    return models


def write_run(log_dir, config, models=None, **changes):
    """Writes the files of a finished run, as the logger and training do."""
    run_dir = config.run_dir(log_dir)
    run_dir.mkdir(parents=True)
    statistics = {
        "params": config.to_json(),
        "start_time": 1.0,
        "end_time": 2.0,
        "models": synthetic_curves(config) if models is None else models,
        "totals": {},
        "seconds": np.ones(config.epochs),
    } | changes
    (run_dir / "stats.pkl").write_bytes(pickle.dumps(statistics))
    content = {
        "config": config.to_json(),
        "versions": {"keras": "3.15"},
        "git_revision": "abc+",
        "device": "a device",
        "command": ["run_experiments.py", "--dataset", config.dataset],
    }
    (run_dir / "config.json").write_text(json.dumps(content))
    return run_dir


def write_arm(log_dir, configs, errors):
    """Writes a run for each configuration, whose ensemble ends with an error in %."""
    for config, error in zip(configs, errors, strict=True):
        models = synthetic_curves(config, 0.5)
        for name in models:
            shift = {"ST": 3, "M": 1}.get(name, 0)
            models[name]["test_error"][-1] = (error + shift) / 100
        write_run(log_dir, config, models)


def load(log_dir):
    left_out = []
    return run_table.load_runs(log_dir, left_out.append), left_out

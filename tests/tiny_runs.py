"""Tiny runs for tests: their settings, and how they are trained."""

import dataclasses

from collaborative.experiments.config import ExperimentConfig
from collaborative.training import train as trainer

CONFIG = ExperimentConfig("tiny", members=("ST", "ST"), epochs=3, batch_size=32)
ONE_EPOCH = dataclasses.replace(CONFIG, epochs=1)


def silent(_):
    pass


def train(config, dataset, log_dir, **kwargs):
    return trainer.train(config, dataset, log_dir, say=silent, **kwargs)

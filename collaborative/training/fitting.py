"""The epochs of a run: what `fit` takes, and what to do where a step fails."""

from __future__ import annotations

import math

import tensorflow as tf

from collaborative import datasets
from collaborative.data import batches
from collaborative.system import plugins, xla_cache
from collaborative.system.errors import UserError
from collaborative.training import building
from collaborative.training.sameness import RunError


def fit(model, config, dataset, taught, log, first_epoch, callbacks):
    """Trains the epochs from `first_epoch` on, and measures each on held-out images.

    Args:
        model: compiled, with the weights of `first_epoch`.
        config: the `ExperimentConfig`.
        dataset: the `datasets.Dataset`.
        taught: a teacher's answers, see `teacher.answers`, or None.
        log: the run's `Logger`.
        first_epoch: how many epochs are done.
        callbacks: of Keras, the log among them.

    Raises:
        RunError: where a step fails, and it can be said what to do.
        UserError: as a callback says.
    """
    feed, calls = _feed(model, config, dataset, taught, first_epoch)
    try:
        model.fit(
            feed,
            steps_per_epoch=calls,
            initial_epoch=first_epoch,
            epochs=config.epochs,
            validation_data=batches.eval_batches(getattr(dataset, log.held_out)),
            shuffle=False,  # the batches come shuffled
            callbacks=callbacks,
            verbose=0,
        )
    except UserError:
        raise
    except Exception as error:  # whatever a person's own code does in a step
        if said := _advice(error):
            raise RunError(said) from error
        raise


def _advice(error):
    """What to do about an error in a step; "" where that cannot be said."""
    if said := xla_cache.fault(error):
        return said
    if isinstance(error, tf.errors.ResourceExhaustedError):
        return "out of memory: choose a smaller batch_size"
    if said := plugins.said_by(error):
        return f"{said}: mend it, and the same command goes on"
    return ""


def _feed(model, config, dataset, taught, first_epoch):
    """What `fit` takes, and how much of it is an epoch.

    Where XLA computes many steps in one call, the model holds the images.
    """
    made = batches.TrainingBatches(
        dataset.train,
        config.batch_size,
        config.seed,
        flip=datasets.spec(config.dataset).flips if config.augment else None,
        teacher=taught,
        unlabeled=dataset.unlabeled,
        unlabeled_size=max(1, round(config.unlabeled_ratio * config.batch_size)),
        reshuffled=config.shuffle == "each_epoch",
    )
    size = building.steps_of_a_block(config, dataset)
    if size == 1:
        return made.fed(first_epoch, config.epochs), made.steps
    model.hold(made.gatherer(), size)
    blocks = made.blocks(first_epoch, config.epochs, size)
    return blocks, math.ceil(made.steps / size)

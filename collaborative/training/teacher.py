"""What the teacher of an experiment says of training images (Hinton et al. 2015)."""

from __future__ import annotations

import tensorflow as tf

from collaborative.runs import trained_model
from collaborative.training import building, final_record


def answers(path, config, dataset):
    """The teacher's logits: the ensemble's where it is one.

    Args:
        path: of its saved model.
        config: the `ExperimentConfig` of the student.
        dataset: the `datasets.Dataset` that the student learns.

    Returns:
        Those for the training images, float32 `[n, classes]`, recorded once; where
        augmentation changes the images, a function from a batch of them to logits.

    Raises:
        models.UnusableModel: where the file is none of ours.
    """
    if not config.augment:
        teacher = trained_model.load(path, config.teacher_config.member_names)
        recorded = final_record.predict(teacher, dataset.train)
        return recorded[teacher.predictor_names[-1]]
    # A pipeline, where it makes the batches, cannot read the variables of a GPU.
    by_pipeline = building.steps_of_a_block(config, dataset) == 1
    with tf.device("CPU:0" if by_pipeline else None):
        teacher = trained_model.load(path, config.teacher_config.member_names)
    return lambda images: tf.cast(teacher(images, training=False), tf.float32)

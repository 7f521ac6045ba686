"""What is recorded of a model when its training is done, beside its curves.

It goes into `stats.pkl` as `evaluation`: what `evaluation.evaluate` says of the test
set, and

    class_names  of the data set
    answers     by name of member or "ensemble": the class given to each test image
    images      the key of each test image (`evaluation.image_keys`), so that the
                answers of two runs can be compared on the images that both tested
    labels      the true class of each test image
    foreign, detection    name of the data set whose images are foreign to the model,
                and by name of member or "ensemble" how well it tells them from its own
                (`evaluation.detection_auroc`); only where there is such a data set
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from collaborative.data import batches
from collaborative.training import evaluation


def final_record(model, dataset, foreign=None):
    """Evaluates a trained model.

    Args:
        model: a `SingleModel` or an `EnsembleModel`.
        dataset: the `datasets.Dataset` whose test images count.
        foreign: `datasets.Dataset` whose test images are of other classes, or None.

    Returns:
        The dict that the module's docstring describes.
    """
    test = dataset.test
    logits = predict(model, test)
    record = evaluation.evaluate(logits, test.labels) | {
        "class_names": list(dataset.class_names),
        "answers": {n: g.argmax(axis=1).astype(np.uint16) for n, g in logits.items()},
        "images": evaluation.image_keys(test.images),
        "labels": np.asarray(test.labels, np.uint16),
    }
    if foreign is not None:
        others = predict(model, foreign.test)
        record["foreign"] = foreign.name
        record["detection"] = {
            name: evaluation.detection_auroc(logits[name], others[name])
            for name in logits
        }
    return record


def predict(model, examples):
    """Logits of all predictors: dict from name to float32 `[n, classes]`.

    By a compiled step, as the curves are measured unless `run_eagerly`: computed
    operation by operation, bfloat16 is rounded elsewhere, and an image in a thousand
    gets another answer. (`predict_all` of several models in a process has TensorFlow
    warn of its traces.)
    """
    given = batches.eval_batches(examples)
    images, _ = given.element_spec
    step = tf.function(model.predictor_logits, jit_compile=model.jit_compile)
    step = step.get_concrete_function(images)  # one for the last batch too
    parts = [step(images) for images, _ in given]
    return {
        name: np.concatenate([part[place] for part in parts])
        for place, name in enumerate(model.predictor_names)
    }

"""Says what pictures show, by each member of a trained model and by the ensemble.

    python predict.py --model logs/digits/ST-M/L2_0.01/seed_912 picture.png folder

The model is the directory of a finished run or its model.keras, a directory that
export.py wrote, or any Keras model file that tells classes apart: it gives logits,
probabilities, or one sigmoid, the probability of the second of two classes. Folders are
read at any depth. Pictures are stretched to the size that the model wants, and made
grey or colour. What cannot be read is named and skipped.
"""

from __future__ import annotations

import functools
import json
import sys

from absl import flags

from collaborative.data import pictures
from collaborative.deployment import predictors
from collaborative.system import command_line, text_table

FLAGS = flags.FlagValues()
define_bool, define_integer, define_string = (
    functools.partial(define, flag_values=FLAGS)
    for define in (flags.DEFINE_bool, flags.DEFINE_integer, flags.DEFINE_string)
)

define_string("model", None, "Run, exported directory or model file.")
define_integer("top", 3, "Classes to show, the most probable first.", lower_bound=1)
define_bool("json", False, "Print JSON instead of a table.")
command_line.define_plugin_flag(FLAGS)


def read_all(paths, shape):
    """Reads pictures, and says on stderr which ones are skipped.

    Args:
        paths: files and folders.
        shape: what one image must be, see `pictures.read`.

    Returns:
        (names of the files read, list of uint8 arrays, dict from those skipped to why).
    """
    found, skipped = pictures.find(paths)
    names, images = [], []
    for path in found:
        try:
            images.append(pictures.read(path, shape))
            names.append(str(path))
        except pictures.UnreadablePicture as error:
            skipped[str(path)] = str(error)
    for name, reason in skipped.items():
        print(f"skipped {command_line.printable(name)}: {reason}", file=sys.stderr)
    return names, images, skipped


def most_probable(probabilities, class_names, top):
    """The `top` classes of one image, the most probable first.

    Args:
        probabilities: array `[classes]`.
        class_names: one for each class.
        top: how many.

    Returns:
        List of dicts of "class" and "probability".
    """
    order = (-probabilities).argsort(kind="stable")[:top]
    return [
        {"class": class_names[i], "probability": float(probabilities[i])} for i in order
    ]


def table(predictions):
    """The predictions as text: a line for each picture and predictor."""
    most = max(len(c) for p in predictions for c in p["predictions"].values())
    rows = [["picture", "by", *(f"{i + 1}." for i in range(most))]]
    for prediction in predictions:
        file = command_line.printable(prediction["file"])
        for name, classes in prediction["predictions"].items():
            cells = [f"{c['class']} {100 * c['probability']:.1f} %" for c in classes]
            rows.append([file, name, *cells])
            file = ""  # is named once
    return text_table.aligned(rows, left=2)


def predict(paths):
    """Predicts and prints what the flags ask for; returns the exit status."""
    predictor = predictors.load(FLAGS.model)
    names, images, skipped = read_all(paths, predictor.image_shape)
    probabilities = predictor.probabilities(images) if images else {}
    predictions = [
        {
            "file": file,
            "predictions": {
                name: most_probable(of_one[i], predictor.class_names, FLAGS.top)
                for name, of_one in probabilities.items()
            },
        }
        for i, file in enumerate(names)
    ]
    if FLAGS.json:
        skipped = [{"file": f, "reason": reason} for f, reason in skipped.items()]
        content = {"pictures": predictions, "skipped": skipped}
        command_line.show(json.dumps(content, indent=1))
    elif predictions:
        command_line.show(table(predictions))
    if not predictions:
        command_line.fail("none of the pictures could be read", 1)
    return 0


def main(argv=None):
    """The command; returns its exit status."""
    paths = command_line.parse(argv, FLAGS, __doc__, arguments=True, needed="model")
    if not paths:
        command_line.fail("name pictures or folders with pictures; see --help", 2)
    with command_line.one_line_errors(FLAGS.model, "interrupted"):
        predictors.check_path(FLAGS.model)
        command_line.start_tensorflow()
        return predict(paths)


if __name__ == "__main__":
    sys.exit(main())

"""Says what pictures show, by each member of a trained model and by the ensemble.

    python predict.py --model logs/digits/ST-M/L2_0.01/seed_912 picture.png folder

The model is the directory of a finished run or its model.keras, a directory that
export.py wrote, or any Keras, LiteRT, ONNX or OpenVINO file that tells classes apart:
it gives logits, probabilities, or one sigmoid, the probability of the second of two
classes. Of a folder with a folder for each class the accuracy is told too. Folders are
read at any depth. Pictures are stretched to the size that the model wants, and made
grey or colour. What cannot be read is named and skipped.
"""

from __future__ import annotations

import csv
import functools
import io
import json
import sys

from absl import flags
from etils import epy

from collaborative.data import pictures
from collaborative.deployment import predictors
from collaborative.system import command_line, streams, text_table
from collaborative.system.words import printable

with epy.lazy_imports():  # it imports scikit-learn, which takes a second
    from collaborative.deployment import answers

FLAGS = flags.FlagValues()
PARTS = ("class", "probability")  # of each answer
define_bool, define_integer, define_string = (
    functools.partial(define, flag_values=FLAGS)
    for define in (flags.DEFINE_bool, flags.DEFINE_integer, flags.DEFINE_string)
)

define_string("model", None, "Run, exported directory or model file.")
define_integer("top", 3, "Classes to show, the most probable first.", lower_bound=1)
define_bool("json", False, "Print JSON instead of a table.")
define_bool("csv", False, "Print comma-separated values instead of a table.")
define_string(
    "labels",
    None,
    "File with the names of the classes, one a line. Default: those of the run or the "
    "artifact, or in a labels.txt beside the model.",
)
flags.DEFINE_enum(
    "values",
    "0..255",
    ["0..255", "0..1", "-1..1"],
    "What a .tflite, .onnx or .xml file that others made wants levels to be.",
    flag_values=FLAGS,
)
command_line.define_plugin_flag(FLAGS)


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
        file = printable(prediction["file"])
        for name, classes in prediction["predictions"].items():
            cells = [
                f"{printable(c['class'])} {100 * c['probability']:.1f} %"
                for c in classes
            ]
            rows.append([file, name, *cells])
            file = ""  # is named once
    return text_table.aligned(rows, left=2)


def csv_table(predictions):
    """The predictions as comma-separated values: a row for each picture, predictor."""
    most = max(len(c) for p in predictions for c in p["predictions"].values())
    columns = [f"{what}_{i + 1}" for i in range(most) for what in PARTS]
    labelled = any("class" in p for p in predictions)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["file", *["right"] * labelled, "by", *columns])
    for prediction in predictions:
        for name, classes in prediction["predictions"].items():
            right = [prediction.get("class", "")] * labelled
            cells = [c[part] for c in classes for part in PARTS]
            writer.writerow([prediction["file"], *right, name, *cells])
    return out.getvalue().rstrip("\n")


def content(read, probabilities, right, class_names):
    """What is printed of each picture: list of dicts."""
    predictions = []
    for i, path in enumerate(read):
        known = {"class": class_names[right[path]]} if path in right else {}
        of_one = {
            name: most_probable(values[i], class_names, FLAGS.top)
            for name, values in probabilities.items()
        }
        predictions.append({"file": str(path), **known, "predictions": of_one})
    return predictions


def scores_of(read, probabilities, right, class_names):
    """`answers.score` of the pictures whose classes are known, None without any."""
    known = [i for i, path in enumerate(read) if path in right]
    if not known:
        return None
    return answers.score(
        {name: values[known] for name, values in probabilities.items()},
        [right[read[i]] for i in known],
        class_names,
    )


def predict(paths):
    """Predicts and prints what the flags ask for; returns the exit status."""
    predictor = predictors.load(FLAGS.model, FLAGS.labels, FLAGS["values"].value)
    found, skipped = pictures.find(paths)
    read, probabilities, unreadable = answers.of_pictures(predictor, found)
    skipped |= unreadable
    names = predictor.class_names
    right, notes = answers.right_classes(paths, found, names)
    notes = ([predictor.note] if predictor.note else []) + notes
    notes += [f"skipped {printable(n)}: {r}" for n, r in skipped.items()]
    for note in notes:
        print(note, file=sys.stderr)
    predictions = content(read, probabilities, right, names)
    scored = scores_of(read, probabilities, right, names)
    if FLAGS.json:
        skipped = [{"file": f, "reason": reason} for f, reason in skipped.items()]
        everything = {"pictures": predictions, "skipped": skipped}
        everything |= {"scores": scored} if scored else {}
        command_line.show(json.dumps(everything, indent=1))
    elif predictions:
        command_line.show(csv_table(predictions) if FLAGS.csv else table(predictions))
    if not predictions:
        command_line.fail("none of the pictures could be read", 1)
    if not (FLAGS.json or FLAGS.csv) and len(predictions) > 1:
        command_line.show("\n" + answers.summary(probabilities, names, len(skipped)))
    if scored and not FLAGS.json:
        text = answers.score_text(scored)
        if FLAGS.csv:  # which a program reads
            print(text, file=sys.stderr)
        else:
            command_line.show(text)
    return 0


def main(argv=None):
    """The command; returns its exit status."""
    paths = command_line.parse(argv, FLAGS, __doc__, arguments=True, needed="model")
    if FLAGS.csv and FLAGS.json:
        command_line.fail("choose --csv or --json", 2)
    if not paths:
        command_line.fail("name pictures or folders with pictures; see --help", 2)
    with command_line.one_line_errors(FLAGS.model, "interrupted"):
        predictors.check_path(FLAGS.model)
        streams.start_tensorflow()
        return predict(paths)


if __name__ == "__main__":
    sys.exit(main())

"""What a predictor says of many pictures, and how often it is right.

Of a folder with a folder for each class, as `--dataset folder:DIR` takes it, the names
of these are the right answers.
"""

from __future__ import annotations

import collections
import pathlib

import numpy as np
import tqdm
from sklearn import metrics

from collaborative.data import pictures
from collaborative.deployment import runtimes
from collaborative.system import text_table
from collaborative.system.words import printable

LARGEST_MATRIX = 20  # classes; of more, the commonest confusions are shown
CONFUSIONS = 10
LONGEST_HEAD = 16  # characters of a class name above a column


def of_pictures(predictor, files):
    """Reads pictures and predicts them, so many at once as memory need hold.

    A bar shows the progress on a terminal, where it takes a while.

    Args:
        predictor: a `predictors.Predictor`.
        files: list of paths.

    Returns:
        (those of the files that were read, dict from each predictor's name to float32
        `[n, classes]`, dict from each file that was not read to the reason).
    """
    read, parts, skipped, images = [], [], {}, []

    def predict():
        if images:
            parts.append(predictor.probabilities(images))
            images.clear()

    for path in tqdm.tqdm(files, unit=" pictures", disable=None, delay=1, leave=False):
        try:
            images.append(pictures.read(path, predictor.image_shape))
            read.append(path)
        except pictures.UnreadablePicture as error:
            skipped[str(path)] = str(error)
        if len(images) == runtimes.BATCH:
            predict()
    predict()
    names = predictor.names if parts else ()
    probabilities = {n: np.concatenate([part[n] for part in parts]) for n in names}
    return read, probabilities, skipped


def right_classes(arguments, files, class_names):
    """The right answers, where folders of classes have them.

    Args:
        arguments: files and folders, as a person named them.
        files: paths of pictures in them.
        class_names: of the model.

    Returns:
        (dict from a file to the number of its class, list of lines that say why a
        folder whose folders are classes in part has none).
    """
    numbers, found, notes = {n: i for i, n in enumerate(class_names)}, {}, []
    counts = collections.Counter(class_names)
    for folder in map(pathlib.Path, arguments):
        inside = {
            file: file.relative_to(folder).parts[0]
            for file in files
            if file != folder and file.is_relative_to(folder)
        }
        names = {name for file, name in inside.items() if name != file.name}
        unknown = sorted(names - numbers.keys())
        twice = sorted(name for name in names if counts[name] > 1)
        if twice:  # as ImageNet has two of crane
            notes.append(
                f"no accuracy of {folder}: the model has {counts[twice[0]]} classes "
                f"of the name {twice[0]}"
            )
        elif names and not unknown:
            found |= {f: numbers[n] for f, n in inside.items() if n in names}
        elif names - set(unknown):
            notes.append(
                f"no accuracy of {folder}: {unknown[0]} is no class of the model"
            )
    return found, notes


def score(probabilities, right, class_names):
    """How often predictors are right.

    Args:
        probabilities: dict from each predictor's name to `[n, classes]`.
        right: integers `[n]`.
        class_names: of all classes.

    Returns:
        Dict of plain values: `pictures`, how many; `accuracy` (a fraction) by name;
        `classes`, the names of those that are right or answered; `confusion` by name,
        counts by right and answered class.
    """
    answers = {name: values.argmax(axis=1) for name, values in probabilities.items()}
    shown = sorted(set(right).union(*map(set, answers.values())))
    return {
        "pictures": len(right),
        "accuracy": {n: float(np.mean(a == right)) for n, a in answers.items()},
        "classes": [class_names[i] for i in shown],
        "confusion": {
            name: metrics.confusion_matrix(right, answer, labels=shown).tolist()
            for name, answer in answers.items()
        },
    }


def score_text(scored):
    """What `score` found, as text: accuracies, and the last one's confusions."""
    found = ", ".join(f"{n} {100 * a:.2f} %" for n, a in scored["accuracy"].items())
    name = list(scored["accuracy"])[-1]
    matrix, classes = scored["confusion"][name], list(map(printable, scored["classes"]))
    lines = [f"accuracy on {scored['pictures']:,} pictures: {found}"]
    if len(classes) <= LARGEST_MATRIX:
        heads = [text_table.shortened(label, LONGEST_HEAD) for label in classes]
        rows = [["right \\ answered", *heads]]
        rows += [
            [label, *map(str, counts)]
            for label, counts in zip(classes, matrix, strict=True)
        ]
        return "\n".join([*lines, f"answers of {name}:", text_table.aligned(rows)])
    counts = {
        f"{classes[i]} as {classes[j]}": count
        for i, row in enumerate(matrix)
        for j, count in enumerate(row)
        if i != j and count
    }
    most = collections.Counter(counts).most_common(CONFUSIONS)
    confusions = ", ".join(f"{what} {count}" for what, count in most) or "none"
    return "\n".join([*lines, f"commonest confusions of {name}: {confusions}"])


def summary(probabilities, class_names, skipped):
    """How many pictures are of which class, one line: as the last predictor has it."""
    name, values = list(probabilities.items())[-1]
    counts = collections.Counter(values.argmax(axis=1).tolist()).most_common()
    found = ", ".join(f"{printable(class_names[i])} {n:,}" for i, n in counts)
    rest = f"; {skipped:,} skipped" if skipped else ""
    return f"{len(values):,} pictures, by {name}: {found}{rest}"

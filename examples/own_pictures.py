"""From a folder of your pictures to a network that names them.

Description: two networks are trained together and apart on pictures in a folder for
each class, a report compares them, the small one is taken out, and it says what
pictures show. All by the four commands, which are shown as they are run.
Date created: 2026-11-27, with TensorFlow 2.21.0 and Keras 3.15.1

    python examples/own_pictures.py                  # on digits, written as PNG files
    python examples/own_pictures.py my_pictures      # on yours: my_pictures/cat/*.jpg …

The pictures on which it is tried in the end are some of those that were learnt: hold a
few back to see what it really can.
"""

import pathlib
import shlex
import subprocess
import sys

from PIL import Image
from sklearn.datasets import load_digits

PICTURES = 600  # of the digits
LOGS = pathlib.Path("logs", "own_pictures")
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


# ## The pictures
#
# PNG, JPEG, BMP, GIF, WebP, TIFF, at any depth below the folder of their class. Their
# sizes may differ. `train/` and `test/` with such folders are taken as such; without
# them a fifth of each class is set aside for testing.


def write_digits(folder):
    """Writes some of scikit-learn's digits, 8x8 pixels each, as files."""
    digits = load_digits()
    for number in range(PICTURES):
        name = NAMES[digits.target[number]]
        path = folder / name / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        levels = (digits.images[number] * (255 / 16)).round().astype("uint8")
        Image.fromarray(levels).save(path)


# ## The commands
#
# In a shell: `python run_experiments.py …` in a checkout, `collaborative-train …`
# where the package is installed. Here a function runs them.


def command(name, *arguments):
    """Shows a command and runs it to its end."""
    arguments = [str(argument) for argument in arguments]
    print(f"\n$ python {name}.py {shlex.join(arguments)}", flush=True)
    program = [sys.executable, "-m", f"collaborative.{name}"]
    subprocess.run([*program, *arguments], check=True)


def newest(directories):
    return max(directories, key=lambda path: path.stat().st_mtime)


def main(folder):
    # ## Training
    #
    # ST and M with the collaboration cost L2, and with none. Each leaves a directory.
    # In one command, `--method L2,Single` trains them side by side.
    where = ("--dataset", f"folder:{folder}", "--log_dir", LOGS)
    for method in ("L2", "Single"):
        command("run_experiments", *where, "--members", "ST,M", "--method", method)

    # ## The comparison
    #
    # A page with tables, curves and what is taken for what, by the folders' names.
    report = ("--output_dir", LOGS / "report", "--nolatency")
    command("analysis", "--log_dir", LOGS, *report)

    # ## Export
    #
    # The small network alone, which no longer needs this package. `--format litert` and
    # `onnx` are for phones and servers.
    run = newest(LOGS.glob("*/ST-M/L2_*/seed_*"))
    command("export", "--run", run, "--member", "ST", "--softmax")

    # ## Prediction
    #
    # Of a folder with a folder for each class the accuracy is told, too.
    command("predict", "--model", run / "export" / "ST-softmax-keras", folder)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(pathlib.Path(sys.argv[1]))
    else:
        digits_folder = LOGS / "digits"
        write_digits(digits_folder)
        main(digits_folder)

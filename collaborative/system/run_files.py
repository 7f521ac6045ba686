"""The names of the files in the directory of a run, and where that is."""

DEPTH = 4  # below the directory of all logs: data set, members, method, seed

CONFIG = "config.json"  # settings, sizes of the data, versions, revision, device
STATISTICS = "stats.pkl"  # see `runs.reader`
MODEL = "model.keras"  # the finished ensemble
CURVES = {"error": "error.png", "cost": "cost.png"}
TENSORBOARD = "tensorboard"
CHECKPOINTS = "checkpoint"  # to resume; removed at the end
EXPORTS = "export"  # what export.py writes, a directory an artifact, each with
METADATA = "metadata.json"  # what is known of it
OUTPUT = "output.log"  # in sweeps: what a process said
FAILURE = "failure.json"  # why it failed
LOCK = "lock"  # of the process that writes here
# What goes with a run that is trained anew.
OF_A_RUN = (
    *(CONFIG, STATISTICS, MODEL, *CURVES.values(), TENSORBOARD),
    *(CHECKPOINTS, EXPORTS, FAILURE),
)

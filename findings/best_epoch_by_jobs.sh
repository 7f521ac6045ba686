#!/usr/bin/env bash
# torchensemble 0.2.0, PyTorch 2.13.0: which epoch an ensemble has after `fit`.
#
# Guess: with a `test_loader`, `fit` keeps the networks of the epoch with the best accuracy,
#   which it logs as "Historical Best". `n_jobs` changes the speed.
# Seen: with `n_jobs=None` or 1 the best networks are kept as they are, not as copies, and
#   are trained on: the ensemble is that of the last epoch. With `n_jobs=2` they come
#   back from other processes, as copies: the ensemble is the best one. Nothing tells.
# What helps: `n_jobs=2` where the best is wanted; its accuracy is then of test images on
#   which it was chosen.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet torch==2.13.0 numpy==2.4.6 scikit-learn==1.9.1 joblib==1.6.0
env/bin/pip install --quiet --no-deps torchensemble==0.2.0  # torchvision is not imported
cat > network.py <<'PYTHON'
from torch import nn


class Network(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(20, 60), nn.ReLU(), nn.Linear(60, 5))
PYTHON
cat > run.py <<'PYTHON'
import contextlib, io, logging, re

import torch
from network import Network
from torchensemble import VotingClassifier

torch.manual_seed(0)
images = torch.randn(300, 20)
labels = (images[:, :5] + 1.5 * torch.randn(300, 5)).argmax(dim=1)
told = []


class Kept(logging.Handler):
    def emit(self, record):
        found = re.search(r"Acc: (\S+) % . Historical Best: (\S+)", record.getMessage())
        if found:
            told.append([float(number) for number in found.groups()])


logging.getLogger().addHandler(Kept())
logging.getLogger().setLevel(logging.INFO)


def batches(part):
    data = torch.utils.data.TensorDataset(images[part], labels[part])
    data.classes = range(5)
    return torch.utils.data.DataLoader(data, batch_size=50)


def accuracies(jobs):
    """In %: after `fit`, of the last epoch, of the best."""
    told.clear()
    torch.manual_seed(0)
    ensemble = VotingClassifier(
        estimator=Network, n_estimators=4, cuda=False, n_jobs=jobs
    )
    ensemble.set_optimizer("Adam", lr=1e-2)
    test = batches(slice(150, None))
    with contextlib.redirect_stdout(io.StringIO()):
        ensemble.fit(
            batches(slice(150)), epochs=30, test_loader=test, save_model=False
        )
    return (round(ensemble.evaluate(test), 3), *told[-1])


for jobs in (None, 1, 2):
    kept, last, best = accuracies(jobs)
    print(f"n_jobs={jobs}: {kept} % right; the last epoch {last}, the best {best}")
    assert last < best, "choose another seed"
    assert kept == (best if jobs == 2 else last), "it changed"
PYTHON
env/bin/python run.py 2>/dev/null | grep n_jobs  # its processes print too

#!/usr/bin/env bash
# torchensemble 0.2.0, PyTorch 2.13.0: FusionClassifier of a network that is given.
#
# Guess: `estimator` may be a network's class or a network, as its documentation has it, and
#   either way `n_estimators` networks are trained, which answer differently.
# Seen: an object is copied with its weights. All copies get the gradient of one average on
#   the same batches, and so stay equal bit for bit: it is one network, computed four
#   times. Of the class each network starts anew. VotingClassifier copies too; there the
#   order of the images, drawn for each network, sets the copies apart, by less than
#   weights of their own do. Nothing warns.
# What helps: the class, with `estimator_args`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet torch==2.13.0 numpy==2.4.6 scikit-learn==1.9.1
env/bin/pip install --quiet --no-deps torchensemble==0.2.0  # torchvision is not imported
cat > run.py <<'PYTHON'
import contextlib, io

import torch
from torch import nn
from torchensemble import FusionClassifier, VotingClassifier

torch.manual_seed(0)
images = torch.randn(600, 20)
labels = images[:, :5].argmax(dim=1)
data = torch.utils.data.TensorDataset(images, labels)
data.classes = range(5)
batches = torch.utils.data.DataLoader(data, batch_size=50, shuffle=True)


class Network(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 5))


def apart(kind, estimator):
    """How far the logits of four trained networks are from each other, at most."""
    torch.manual_seed(0)
    ensemble = kind(estimator=estimator, n_estimators=4, cuda=False)
    ensemble.set_optimizer("Adam", lr=1e-2)
    with contextlib.redirect_stdout(io.StringIO()):
        ensemble.fit(batches, epochs=5, save_model=False)
    with torch.no_grad():
        logits = torch.stack([member(images) for member in ensemble])
    return float((logits[1:] - logits[0]).abs().max())


found = {}
for kind in (FusionClassifier, VotingClassifier):
    for given, estimator in (("the class", Network), ("an object", Network())):
        found[kind, given] = distance = apart(kind, estimator)
        print(f"{kind.__name__} of {given}: members' logits differ by {distance:.3g}")
assert found[FusionClassifier, "an object"] == 0, "it changed: fusion of an object"
assert found[FusionClassifier, "the class"] > 1, "it changed: fusion of a class"
assert 0 < found[VotingClassifier, "an object"] < found[VotingClassifier, "the class"]
PYTHON
env/bin/python run.py 2>/dev/null

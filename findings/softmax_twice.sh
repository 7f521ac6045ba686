#!/usr/bin/env bash
# torchensemble 0.2.0, PyTorch 2.13.0: the loss that `evaluate` gives.
#
# Guess: `evaluate(test_loader, return_loss=True)` gives an ensemble's cross entropy, its
#   criterion by default: near 0 where it is right and sure.
# Seen: the criterion takes logits, and gets the probabilities that `forward` gives: they
#   go through softmax a second time. Of ten classes the loss lies between 1.46 and 2.46,
#   whatever the networks say. An ensemble that is right on all images, with a cross
#   entropy of 0.003, is told 1.46. One that is sure and wrong on a tenth of the images is
#   told less than one that is right on all and unsure, though its cross entropy is higher.
# What helps: `torch.nn.functional.nll_loss(ensemble(images).log(), labels)`.
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
from torchensemble import VotingClassifier

torch.manual_seed(0)
labels = torch.arange(10).repeat(100)
wrong = torch.where(torch.arange(1000) < 100, (labels + 1) % 10, labels)
one_hot = nn.functional.one_hot


class Scaled(nn.Module):
    """Logits that are its images, times a number."""

    def __init__(self, scale):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(float(scale)))

    def forward(self, images):
        return self.scale * images


def losses(answers, scale):
    """Accuracy in %, the loss of `evaluate`, and the cross entropy, of two networks."""
    images = one_hot(answers, 10).float()
    data = torch.utils.data.TensorDataset(images, labels)
    data.classes = range(10)
    batches = torch.utils.data.DataLoader(data, batch_size=250)
    ensemble = VotingClassifier(
        estimator=Scaled, estimator_args={"scale": scale}, n_estimators=2, cuda=False
    )
    ensemble.set_optimizer("SGD", lr=0.0)
    with contextlib.redirect_stdout(io.StringIO()):
        ensemble.fit(batches, epochs=1, save_model=False)
    accuracy, told = ensemble.evaluate(batches, return_loss=True)
    with torch.no_grad():
        right = nn.functional.nll_loss(ensemble(images).log(), labels)
    print(
        f"right on {accuracy:.0f} %, logits of {scale}: evaluate tells {told:.3f}, "
        f"the cross entropy is {right:.3f}"
    )
    return told, float(right)


sure, true_sure = losses(labels, 8.0)
unsure, true_unsure = losses(labels, 2.0)
mixed, true_mixed = losses(wrong, 12.0)
assert true_sure < 0.01 and sure > 1.4, "it changed: sure and right"
assert mixed < unsure and true_mixed > true_unsure, "it changed: the order of two"
PYTHON
env/bin/python run.py 2>/dev/null

#!/usr/bin/env bash
# pytorch-dml 1.1.0, PyTorch 2.13.0: ConfidenceWeightedDML, and two settings of DMLTrainer.
#
# Guess: in ConfidenceWeightedDML networks learn "more from confident peers and less from
#   uncertain ones": a peer that is sure and right of an image counts more for it than one
#   that is unsure or wrong, from a `confidence_threshold` on. DMLTrainer has, as
#   `peer_selection`, a "strategy for selecting peers ('all', 'best', 'random', 'dynamic')",
#   and calls `callbacks`: the README has ModelCheckpoint keep the best networks in a file.
# Seen: with weighting_strategy="softmax", the default, softmax goes over the images of the
#   batch in place of the peers, so that of 128 images each has about 1/128, sure or not,
#   and `min_weight` raises that to 0.1. From 16 images on all weights are 0.1, for each
#   peer and image, whatever `confidence_threshold` is: the loss is plain mutual learning at
#   a tenth of the weight, and thresholds of 0.1, 0.5 and 0.9 leave the same networks after
#   training, to the bit. `peer_selection` is never read: its four strategies leave the same
#   networks as well. No callback is ever called, and there is no file. Nothing warns.
# What helps: weighting_strategy="linear"; `trainer.save_checkpoint` in a loop of one's own
#   over `fit(..., epochs=1)`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet torch==2.13.0 numpy==2.4.6 tqdm==4.70.1
# What is used here needs these alone; the package would want torchvision and more.
env/bin/pip install --quiet --no-deps pytorch-dml==1.1.0
cat > run.py <<'PYTHON'
import contextlib, io, os, warnings

import torch
from pydml import DMLConfig, DMLTrainer
from pydml.core.callbacks import ModelCheckpoint
from pydml.trainers import ConfidenceWeightedConfig, ConfidenceWeightedDML
from torch import nn
from torch.nn.functional import cross_entropy, kl_div, log_softmax, softmax
from torch.utils.data import DataLoader, TensorDataset

warnings.simplefilter("error")
torch.set_num_threads(1)
torch.manual_seed(0)
labels = torch.arange(640) % 10
images = torch.randn(10, 10)[labels] + 0.7 * torch.randn(640, 10)


def networks():
    torch.manual_seed(1)
    layers = [(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 10)) for _ in range(3)]
    return [nn.Sequential(*network) for network in layers]


def trained(trainer, epochs=3):
    """All weights after training, in one row."""
    torch.manual_seed(2)
    data = DataLoader(TensorDataset(images, labels), 128, shuffle=True)
    with contextlib.redirect_stderr(io.StringIO()):  # it draws bars
        trainer.fit(data, data, epochs=epochs, verbose=False)
    weights = [weight for network in trainer.models for weight in network.parameters()]
    return torch.cat([weight.detach().ravel() for weight in weights])


# Of 128 images a first peer is sure and right, a second one unsure and a third one wrong.
some = labels[:128]
right = nn.functional.one_hot(some, 10) * 20.0
outputs = [right, right * 0.1, right.roll(1, dims=1)]
print("weights of peers that are sure, unsure, and sure and wrong:")
for strategy, expected in (("softmax", (0.1, 0.1, 0.1)), ("linear", (1.0, 0.1, 0.1))):
    trainer = ConfidenceWeightedDML(
        networks(), ConfidenceWeightedConfig(weighting_strategy=strategy), device="cpu"
    )
    confidences = [trainer.compute_confidence(output) for output in outputs]
    correct = [(output.argmax(1) == some).float() for output in outputs]
    weights = trainer.compute_peer_weights(confidences, correct)
    found = tuple(round(weight.mean().item(), 2) for weight in weights)
    print(f"  {strategy}: {found}, confidences", [f"{c.mean():.2f}" for c in confidences])
    assert found == expected, "it changed"

trainer = ConfidenceWeightedDML(networks(), device="cpu")
given = [net(images[:128]) for net in trainer.models]
loss = trainer.compute_collaborative_loss(given, some)["model_0"].item()
pairs = [(log_softmax(given[0] / 2, 1), softmax(peer / 2, 1)) for peer in given[1:]]
divergence = sum(kl_div(*pair, reduction="batchmean") for pair in pairs) / 2
plain = (cross_entropy(given[0], some) + 0.1 * divergence).item()
print(f"loss {loss:.6f}, plain mutual learning at 0.1 {plain:.6f}")
assert abs(loss - plain) < 1e-5, "it changed"

print("all weights after training are the same to the bit:")
for name, trainers in (
    (
        "thresholds 0.1, 0.5, 0.9",
        [
            ConfidenceWeightedDML(
                networks(),
                ConfidenceWeightedConfig(confidence_threshold=threshold),
                device="cpu",
            )
            for threshold in (0.1, 0.5, 0.9)
        ],
    ),
    (
        "peer_selection all, best, random, dynamic",
        [
            DMLTrainer(networks(), DMLConfig(peer_selection=selection), device="cpu")
            for selection in ("all", "best", "random", "dynamic")
        ],
    ),
):
    first, *others = (trained(trainer) for trainer in trainers)
    same = all(torch.equal(first, other) for other in others)
    print(f"  {name}: {same}")
    assert same, "it changed"
thresholds = [
    trained(
        ConfidenceWeightedDML(
            networks(),
            ConfidenceWeightedConfig(weighting_strategy="linear", confidence_threshold=t),
            device="cpu",
        )
    )
    for t in (0.1, 0.9)
]
assert not torch.equal(*thresholds)  # there it counts

best = ModelCheckpoint("best.pt", monitor="val_acc", mode="max")
trained(DMLTrainer(networks(), callbacks=[best], device="cpu"))
print("ModelCheckpoint has written its file:", os.path.exists("best.pt"))
assert not os.path.exists("best.pt"), "it changed"
PYTHON
env/bin/python run.py

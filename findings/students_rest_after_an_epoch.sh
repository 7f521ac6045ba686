#!/usr/bin/env bash
# KD-Lib 0.0.32, PyTorch 2.13.0: how `VanillaKD` and `DML` train their students.
#
# Guess: `train_student` trains a student as `train_teacher` trains a teacher, but for the
#   loss: with distil_weight=0, labels alone, there is no difference. In `DML`, deep mutual
#   learning, each network learns from the others, and their order is no matter.
# Seen: after each epoch the students are tested, for which they are set to evaluation, and
#   nothing sets them to training again. From the second epoch on dropout is off, and a
#   batch normalization goes by moments that it has from the first epoch, in part still the
#   0 and 1 that it began with. A teacher is tested as a copy, and trains on. With SGD at
#   0.01, as in the package's example, a network is right on 91 % as a teacher and on 82 %
#   as a student of the same labels, in the mean of three seeds. In `DML` what the others
#   say is not held fixed: a network's loss moves those after it too. Of two, the first is
#   pulled to the other as its loss says, and the second twice as far. Nothing warns.
# What helps: a subclass whose `_evaluate_model` ends with `model.train()`; for `DML` a loss
#   that detaches its second argument, `lambda own, other: loss(own, other.detach())`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet torch==2.13.0 matplotlib==3.11.2 tensorboard==2.21.0 \
    numpy==2.4.6
# Of the vision part these are all; the rest would want transformers 4.6 and more.
env/bin/pip install --quiet --no-deps KD-Lib==0.0.32
cat > run.py <<'PYTHON'
import contextlib, importlib.util, io, sys, types

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

home = importlib.util.find_spec("KD_Lib").submodule_search_locations[0]
for part in ("/KD", "/KD/vision"):  # without their __init__
    package = types.ModuleType("KD_Lib" + part.replace("/", "."))
    package.__path__ = [home + part]
    sys.modules[package.__name__] = package
from KD_Lib.KD.vision.DML import DML
from KD_Lib.KD.vision.vanilla import VanillaKD

torch.set_num_threads(1)
quiet = dict(plot_losses=False, save_model=False)


def block(inputs):
    return nn.Linear(inputs, 64), nn.BatchNorm1d(64), nn.ReLU()


def network(seed):
    torch.manual_seed(seed)
    return nn.Sequential(*block(20), *block(64), *block(64), nn.Linear(64, 10))


def loaders(seed):
    torch.manual_seed(seed)
    classes = torch.randn(10, 20)

    def images(count, size):
        labels = torch.arange(count) % 10
        images = 5 + 3 * (classes[labels] + torch.randn(count, 20))
        return DataLoader(TensorDataset(images, labels), size, shuffle=True)

    return images(400, 50), images(2000, 500)


def modes(model):
    """Whether it is in training, at each of the batches that it is trained on."""
    seen = []

    def look(model, inputs):
        if torch.is_grad_enabled():
            seen.append(model.training)

    model.register_forward_pre_hook(look)
    return seen


def sgd(model):
    return torch.optim.SGD(model.parameters(), 0.01)


class Training(VanillaKD):
    def _evaluate_model(self, model, verbose=True):
        result = super()._evaluate_model(model, verbose)
        model.train()
        return result


rights = {"teacher": [], "student": []}
in_training = []
for seed in range(3):
    train, test = loaders(seed)
    models = {role: network(seed) for role in rights}
    seen = {role: modes(model) for role, model in models.items()}
    distiller = VanillaKD(
        *models.values(), train, test, *map(sgd, models.values()), distil_weight=0
    )
    for role in rights:
        torch.manual_seed(seed)
        with contextlib.redirect_stdout(io.StringIO()):
            # The student's training asks the teacher too: it is not counted then.
            counted, training = len(seen[role]), getattr(distiller, "train_" + role)
            training(20, **quiet)
            rights[role].append(distiller.evaluate(teacher=role == "teacher"))
        share = [sum(seen[role][at : at + 8]) for at in range(counted, counted + 160, 8)]
        seen[role] = share
    models = [network(seed), network(seed)]
    distiller = Training(*models, train, test, *map(sgd, models), distil_weight=0)
    torch.manual_seed(seed)
    with contextlib.redirect_stdout(io.StringIO()):
        distiller.train_student(20, **quiet)
        in_training.append(distiller.evaluate())
print("batches of 8 in training mode, in each of 20 epochs, and share of right answers:")
for role in rights:
    mean = sum(rights[role]) / 3
    print(f"  {role}: {seen[role][0]}, {seen[role][1]}, ... {seen[role][-1]}, {mean:.3f}")
print(f"  a student that is set to training again: {sum(in_training) / 3:.3f}")
assert abs(sum(in_training) - sum(rights["teacher"])) / 3 < 0.02
assert seen["teacher"] == [8] * 20 and seen["student"] == [8] + [0] * 19, "it changed"
assert sum(rights["teacher"]) / 3 > sum(rights["student"]) / 3 + 0.04, "it changed"

cohort = [network(seed) for seed in range(2)]
seen = [modes(model) for model in cohort]
with contextlib.redirect_stdout(io.StringIO()):
    DML(cohort, train, test, [sgd(m) for m in cohort]).train_students(3, **quiet)
thirds = [sum(seen[0][at : at + len(seen[0]) // 3]) for at in (0, len(seen[0]) // 3)]
print("  DML, passes in training mode in the first and second epoch:", *thirds)
assert thirds[0] and not thirds[1], "it changed"


class Constant(nn.Module):
    """Logits that are the same for each image, and sure of the right class."""

    def __init__(self, logit):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor([logit] + [0.0] * 9))

    def forward(self, images):
        return self.logits.expand(len(images), 10)


def pulls(loss, logits=(40.0, 42.0), rate=1e-3):
    """How far each network is moved, by how far its own loss would move it."""
    cohort = [Constant(logit) for logit in logits]
    data = DataLoader(TensorDataset(torch.zeros(4, 1), torch.zeros(4, dtype=torch.long)), 4)
    optimizers = [torch.optim.SGD(m.parameters(), rate) for m in cohort]
    own = [sum(2 * (i - j) / 10 for j in logits) for i in logits]
    with contextlib.redirect_stdout(io.StringIO()):
        learning = DML(cohort, data, data, optimizers, loss_fn=loss)
        learning.train_students(1, **quiet)
    moved = [at - m.logits[0].item() for at, m in zip(logits, cohort)]
    return [round(m / rate / o, 1) for m, o in zip(moved, own)]


mse = nn.MSELoss()
found, fixed = pulls(mse), pulls(lambda own, other: mse(own, other.detach()))
print("two networks of DML are pulled to each other, by what their losses say:", *found)
print("  with the others' answers detached:", *fixed)
assert fixed == [1, 1] and found == [1, 2], "it changed"
PYTHON
env/bin/python run.py 2>/dev/null

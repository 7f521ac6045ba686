#!/usr/bin/env bash
# modAL 0.4.2.1, skorch 1.4.0, PyTorch 2.13.0: `mc_dropout_bald` and the like.
#
# Guess: `mc_dropout_bald(learner, images, n_instances=40)` of `modAL.dropout` lets the
#   network answer 50 times, each time with other units dropped, and gives the 40 images on
#   which these answers disagree most, and their scores: the entropy of the mean answer less
#   the mean of the answers' entropies (BALD, by Gal and others). An image's score is its
#   own, and `sample_per_forward_pass` is about memory ("small number --> small RAM
#   allocation").
# Seen: softmax goes over all images and classes at once, of up to 1,000 images by default:
#   the "probabilities" of 400 images sum to 1 in all, those of one image to anything from
#   nothing to nearly 1. The images with the largest logits, which are the surest, have the
#   largest scores. Of the 40 images with the largest right scores the network is wrong on
#   35 %, of all on 4.5 %, and of the 40 that are given on none. An image's score goes by
#   what else is in the pool, and by `sample_per_forward_pass`: with 1 all scores are right.
#   `mc_dropout_max_entropy`, `mc_dropout_max_variationRatios` and `mc_dropout_mean_st` go
#   by the same probabilities. Nothing warns.
# What helps: `sample_per_forward_pass=1`; or logits from a loop of one's own, and `bald`
#   as below.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet torch==2.13.0 skorch==1.4.0 scikit-learn==1.9.1 scipy==1.17.1 \
    pandas==3.1.1 numpy==2.4.6
# It asks for skorch 0.9.0, which wants a Python and a setuptools of its time.
env/bin/pip install --quiet --no-deps modAL-python==0.4.2.1
cat > run.py <<'PYTHON'
import warnings

import numpy as np, torch
from modAL.dropout import mc_dropout_bald, mc_dropout_max_entropy
from modAL.models import DeepActiveLearner
from scipy.special import entr, softmax
from skorch import NeuralNetClassifier
from torch import nn

warnings.simplefilter("error")
torch.set_num_threads(1)
torch.manual_seed(0)
centres = torch.randn(10, 20)


def made(images):
    """Images of ten classes, some of them with more noise than others."""
    labels = torch.arange(images) % 10
    amount = torch.linspace(0.3, 1.5, images)[torch.randperm(images), None]
    return centres[labels] + amount * torch.randn(images, 20), labels


class Network(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(20, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 10))


network = NeuralNetClassifier(
    Network, criterion=nn.CrossEntropyLoss, optimizer=torch.optim.Adam, lr=0.01,
    max_epochs=20, batch_size=64, train_split=None, verbose=0,
)
learner = DeepActiveLearner(estimator=network)
learner.fit(*made(1000))
pool, labels = made(400)
wrong = learner.predict(pool) != labels.numpy()
print(f"wrong: {100 * wrong.mean():.1f} % of 400 images")
answers = []


def kept(logits, samples):
    """The `logits_adaptor`: it keeps what the network answers, and changes nothing."""
    answers.append(logits.double().numpy())
    return logits


def scores(strategy, images, **settings):
    answers.clear()
    torch.manual_seed(1)
    order, values = strategy(
        learner, images, n_instances=len(images), logits_adaptor=kept, **settings
    )
    found = np.empty(len(images))
    found[order] = values
    return found, np.concatenate(answers).reshape(50, len(images), 10)


def bald(probabilities):
    entropies = entr(probabilities).sum(-1).mean(0)
    return entr(probabilities.mean(0)).sum(-1) - entropies


def shown(what, values):
    chosen = np.argsort(-values)[:40]
    percent = 100 * wrong[chosen].mean()
    print(f"  {what}: largest {values.max():.3f}; of the 40 largest {percent:.1f} % wrong")
    return percent


print("BALD:")
found, logits = scores(mc_dropout_bald, pool)
right = bald(softmax(logits, axis=-1))
most = shown("right, from the same answers", right)
assert shown("mc_dropout_bald", found) < 10 < 25 < most, "it changed"
of_all = softmax(logits.reshape(50, -1), axis=-1).reshape(logits.shape)
assert np.allclose(found, bald(of_all), atol=1e-5), "it changed"
sums = of_all.sum(-1)
print(f"  the 10 probabilities of an image sum to {sums.min():.0e} to {sums.max():.2f}")
assert sums.min() < 1e-6 and sums.max() > 0.5
correlation = np.corrcoef(found, right)[0, 1]
print(f"  correlation with the right scores: {correlation:.2f}")
assert correlation < 0.2, "it changed"
one, logits = scores(mc_dropout_bald, pool, sample_per_forward_pass=1)
shown("with sample_per_forward_pass=1", one)
assert np.allclose(one, bald(softmax(logits, axis=-1)), atol=1e-5), "it changed"

print("the first image's score, and the right one of the same answers, in pools of:")
for size in (400, 100, 10, 1):
    found, logits = scores(mc_dropout_bald, pool[:size])
    right = bald(softmax(logits, axis=-1))
    print(f"  {size} images: {found[0]:.5f}, {right[0]:.5f}")
    assert found[0] < right[0] / 1.5 if size > 1 else np.allclose(found, right, atol=1e-5)

print("entropy of the mean answer:")
found, logits = scores(mc_dropout_max_entropy, pool)
most = shown("right", entr(softmax(logits, axis=-1).mean(0)).sum(-1))
assert shown("mc_dropout_max_entropy", found) < 10 < 25 < most, "it changed"
PYTHON
env/bin/python run.py

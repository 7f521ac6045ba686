"""Where collaboration helps most: labels that are wrong.

Description: the paper's networks ST and M, trained alone and together, on training
labels that are right and of which 40 % are wrong. The test labels are right.
Date created: 2026-11-27, with TensorFlow 2.21.0 and Keras 3.15.1

    python examples/label_noise.py
    python examples/label_noise.py --dataset mnist --data_dir DIR --truncate 2000

With digits of 8x8 pixels it takes two minutes. Seen on 2026-11-28: with 40 % wrong, M
errs on 27.0 % alone and on 24.0 % together (seeds -2.8 and -3.3), ST on 20.6 and 19.6
(+1.4 and -3.3); with right labels neither gains. The study of this (`--grid noise`,
2,000 images of notMNIST, three seeds) says the same: M gains 3.5 +- 1.5 points, ST
nothing clear.

Other sets (`mnist`, `folder:DIR`, `my.npz`, …) take longer, and those of TensorFlow
Datasets must be on the disk (`run_experiments.py --download`).
"""

import argparse

import keras
import numpy as np

from collaborative import PRESETS, EnsembleModel, build_resnet, datasets, load_dataset

NOISE = (0.0, 0.4)
MEMBERS = ("ST", "M")
METHODS = {"alone": ("Single", 0.0), "together": ("L2", 0.01)}
BATCH = 64


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--data_dir", help="of prepared sets of TensorFlow Datasets")
    parser.add_argument("--truncate", type=int, default=0, help="images; 0: all")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    return parser.parse_args()


# ## One training
#
# `Single` trains ST and M in one go without a word between them, from the same first
# weights and on the same batches as `L2`: what differs is the collaboration alone. The
# learning rate sinks to 0, so that the last epoch is a fair one to measure.
#
# Keras compiles a model's steps when it first trains. So each ensemble is built once,
# and put back to new first weights for each training.


def members(data, seed):
    shape, classes = data.input_shape, data.num_classes
    return [
        build_resnet(PRESETS[name], shape, classes, name=name, seed=seed)
        for name in MEMBERS
    ]


def built(data, method, alpha, epochs):
    ensemble = EnsembleModel(members(data, 0), method, alpha, weight_decay=1e-4)
    steps = epochs * -(-len(data.train) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    ensemble.compile(keras.optimizers.Adam(rate))
    return ensemble


def errors(ensemble, data, epochs, seed):
    """The test errors of the members in %, after one training."""
    for member, new in zip(ensemble.members, members(data, seed), strict=True):
        member.set_weights(new.get_weights())
    for variable in ensemble.optimizer.variables:
        variable.assign(keras.ops.zeros_like(variable))
    keras.utils.set_random_seed(seed)  # of the order of the batches
    images, labels = data.train.images, data.train.labels
    ensemble.fit(images, labels, batch_size=BATCH, epochs=epochs, verbose=0)
    scores = ensemble.evaluate(
        data.test.images, data.test.labels, verbose=0, return_dict=True
    )
    return [100 * scores[f"{name}_error"] for name in MEMBERS]


# ## All of them
#
# Each seed has its own split, wrong labels, first weights and order. So the difference
# is taken within a seed before the mean; of two or three seeds it is a hint, no proof.


def main():
    args = parsed()
    print(f"{args.dataset}: test errors in %, seeds {args.seeds}", flush=True)
    print("wrong labels        alone  together   together - alone (each seed)")
    ensembles = {}
    for noise in NOISE:
        found = {name: [] for name in METHODS}
        for seed in args.seeds:
            clean = load_dataset(
                args.dataset, seed=seed, truncate=args.truncate, data_dir=args.data_dir
            )
            data = datasets.with_label_noise(clean, noise, seed)
            for name, settings in METHODS.items():
                if name not in ensembles:
                    ensembles[name] = built(data, *settings, args.epochs)
                found[name].append(errors(ensembles[name], data, args.epochs, seed))
        alone, together = (np.array(rows).T for rows in found.values())
        for member, one, other in zip(MEMBERS, alone, together, strict=True):
            differences = ", ".join(f"{d:+.2f}" for d in other - one)
            print(
                f"{noise:12.0%} {member:>2}{one.mean():10.2f}{other.mean():10.2f}"
                f"{(other - one).mean():+10.2f} ({differences})",
                flush=True,
            )


if __name__ == "__main__":
    main()

"""The settings that the paper speaks of (5.2), of the data, and of how it is computed.

Nothing here imports TensorFlow.
"""

from __future__ import annotations

import dataclasses

from collaborative import collaboration, datasets, resnet
from collaborative.data import picture_survey
from collaborative.experiments.setting import (
    NOT_NEGATIVE,
    PART_BELOW_1,
    POSITIVE,
    at_least,
    setting,
)
from collaborative.nn import cifar_networks, network_files  # noqa: F401 (networks)
from collaborative.nn.networks import NETWORKS

PRECISIONS = ("float32", "float32_exact", "bfloat16", "float16", "auto")
JIT = ("auto", "on", "off")
STRATEGIES = ("single", "mirrored")
CLASS_WEIGHTS = ("balanced",)


@dataclasses.dataclass(frozen=True)
class PaperSettings:
    """The first of `Settings`."""

    dataset: str = setting(
        "digits",
        "{names}, another image classification set of TensorFlow Datasets, or one of "
        "your own: folder:DIR with a folder of pictures for each class, or FILE.npz. A "
        "list runs them all, as lists of methods, alphas and seeds do.",
        names=lambda: datasets.DATASETS,
        closed=False,
        listed=True,
        level=True,
        on_card=True,
        free=True,
    )
    members: tuple[str, ...] = setting(
        ("ST", "M"),
        "Networks to train together, of {names}, of your own (--plugin), or files "
        "that Keras saved (path/to/my.keras), trained on from their weights. One "
        "trains alone.",
        names=lambda: NETWORKS,
        also=network_files.is_file,
        level=True,
        on_card=True,
    )
    method: str | None = setting(
        None,
        "How members collaborate: {names}, or Single: not at all. Default: L2, or "
        "for one member Single, or KL where it has a teacher.",
        names=lambda: collaboration.METHODS,
        closed=False,
        listed=True,
        level=True,
        on_card=True,
        together=True,
    )
    # 0 where the method is Single.
    alpha: float | None = setting(
        None,
        "Weight of the collaboration cost, at least 0, but that of ambiguity may be "
        "below: it is -n b of n members. Default: 0.01, or 1 with a teacher.",
        listed=True,
        level=True,
        on_card=True,
        together=True,
    )
    epochs: int | None = setting(
        None,
        "Passes over the training images. Default: 30, on notMNIST 15.",
        within=at_least(1),
        on_card=True,
        free=True,
    )
    # A partial last batch is left out.
    batch_size: int = setting(
        64, "Images a training step.", within=at_least(1), on_card=True, free=True
    )
    learning_rate: float = setting(
        2**-10,
        "Initial learning rate; --learning_rate_schedule says how it falls.",
        within=POSITIVE,
        on_card=True,
        free=True,
    )
    weight_decay: float = setting(
        1e-4,
        "Factor of sum(w^2)/2 over the kernels, a part of the cost. With --optimizer "
        "adamw it is none: kernels shrink by this times the learning rate in each "
        "step; 0.01 is usual there.",
        within=NOT_NEGATIVE,
        on_card=True,
        free=True,
    )
    seed: int = setting(
        912,
        "Seed of the split, the weights and the order of images.",
        within=at_least(0),
        level=True,
        on_card=True,
    )
    split: str | None = setting(
        None,
        "{names}: train and test images shuffled together, or as published. Default: "
        "as the paper had it.",
        names=lambda: datasets.SPLITS,
        on_card=True,
        free=True,
        data=True,
    )
    validation: int = setting(
        0,
        "Training images to set aside for choosing hyperparameters; the test set is "
        "then measured once, at the end.",
        within=at_least(0),
        on_card=True,
        free=True,
        data=True,
    )
    truncate: int = setting(
        0,
        "Use only so many images, to debug; 0 uses all.",
        within=at_least(0),
        on_card=True,
        free=True,
        data=True,
    )
    image_size: str | None = setting(
        None,
        "Height x width that all pictures are stretched to, e.g. 32x32. Default: as "
        "they are, which must be of one size; in a folder of yours the commonest.",
        on_card=True,
        free=True,
        data=True,
    )
    color_mode: str | None = setting(
        None,
        "{names}: how the pictures of a folder of yours are read. Default: rgb where "
        "any of them has colour.",
        names=lambda: picture_survey.COLOR_MODES,
        free=True,
        data=True,
    )
    label_noise: float = setting(
        0.0,
        "Fraction of the training labels to make wrong on purpose, to see what "
        "withstands it.",
        within=PART_BELOW_1,
        on_card=True,
        data=True,
    )
    class_weight: str | None = setting(
        None,
        "{names} weighs training images inversely to how frequent their class is, by 1 "
        "in the mean. Default: all alike.",
        names=lambda: CLASS_WEIGHTS,
        free=True,
    )
    reduction: str = setting(
        "paper",
        "Reduction layer: {names} (as in the author's code).",
        names=lambda: resnet.REDUCTIONS,
        free=True,
    )
    # Of the layers; the logits are float32 always. Whether bfloat16 matters was
    # measured: errors differed from float32's by -0.01 +- 0.25 points (ST), -0.06 +-
    # 1.14 (M), -0.07 +- 0.44 (ensemble); CIFAR-10, 10,000 images, 10 epochs, 3 seeds.
    precision: str = setting(
        "float32",
        "Of the layers: {names} (float32 is TF32 on a GPU that has it, float32_exact "
        "never; auto: bfloat16 where the hardware has it, else float32).",
        names=lambda: PRECISIONS,
        material=False,
        on_card=True,
    )
    jit: str = setting(
        "auto",
        "Compile with XLA: {names} (auto: on a GPU, and for float16).",
        names=lambda: JIT,
        material=False,
    )
    strategy: str = setting(
        "single",
        "{names}: mirrored shares each batch out to all GPUs.",
        names=lambda: STRATEGIES,
        material=False,
    )
    # An absolute path. The optimizer and its learning rates start anew.
    init_from: str | None = setting(
        None,
        "Directory of a finished run whose members' weights to start from, by name.",
        run=True,
    )

"""The paper's residual networks (sections 2 and 3.3): from raw images to logits.

A network is four numbers: bricks B, repetitions R, filters F and the kind of
reduction between two bricks. The paper's ST ("shallow and thin") and M ("medium") are
presets, as are a deeper D and a very deep VD for its open question 6, and two of the
size of {ST, M}.

`reduction="paper"` is the text: the main path's first convolution of a reduction is
2x2 with stride 2, 'valid'. `reduction="released"` is what the author's code ran: there
it is 3x3 with stride 2, 'same'. The text gives the penultimate layer 2^B F units; with
a doubling in each of the B-1 reductions, as it describes, they are 2^(B-1) F.
"""

from __future__ import annotations

import dataclasses
import functools

from etils import epy

from collaborative.nn.networks import register_network
from collaborative.system import libraries

with epy.lazy_imports():
    import keras

    from collaborative.nn import residual_layers

REDUCTIONS = ("paper", "released")


@dataclasses.dataclass(frozen=True)
class ResNetConfig:
    """The shape of a network (section 2).

    Args:
        bricks: B, how many bricks; each but the last ends in a reduction.
        repetitions: R, how many residual blocks in a brick.
        filters: F, filters of the first convolution; doubled by each reduction.
        reduction: "paper" (2x2 stride 2 valid) or "released" (3x3 stride 2 same).

    Raises:
        ValueError: for a number below 1 or an unknown reduction.
    """

    bricks: int
    repetitions: int
    filters: int
    reduction: str = "paper"

    def __post_init__(self):
        for name in ("bricks", "repetitions", "filters"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"{name} must be at least 1, got {getattr(self, name)}"
                )
        if self.reduction not in REDUCTIONS:
            raise ValueError(
                f"reduction must be one of {', '.join(REDUCTIONS)}, "
                f"got {self.reduction!r}"
            )

    @property
    def convolutions(self) -> int:
        """Convolutions on the main path and the linear map: 1+(B-1)(2R+2)+2R+1."""
        return (
            1
            + (self.bricks - 1) * (2 * self.repetitions + 2)
            + (2 * self.repetitions + 1)
        )

    def kernels(self, input_shape, num_classes=10):
        """The kernels of the layers, by their numbers.

        Args:
            input_shape: (height, width, channels).
            num_classes: how many logits.

        Yields:
            (weights of the kernel, places in the image that it is applied at); of the
            convolutions, the shortcuts' too, and of the linear map.
        """
        height, width, channels = input_shape
        filters, places = self.filters, height * width
        yield 9 * channels * filters, places
        for brick in range(self.bricks):
            for _ in range(2 * self.repetitions):
                yield 9 * filters * filters, places
            if brick < self.bricks - 1:
                places //= 4
                size = {"paper": 4, "released": 9}[self.reduction]
                yield size * filters * 2 * filters, places
                yield 9 * 4 * filters * filters, places
                yield 4 * filters * 2 * filters, places  # the shortcut
                filters *= 2
        yield filters * num_classes, 1

    def norms(self):
        """Channels of each batch normalization with an offset."""
        filters = self.filters
        for brick in range(self.bricks):
            yield from [filters] * 2 * self.repetitions
            if brick < self.bricks - 1:
                yield from (filters, 2 * filters)
                filters *= 2


PRESETS = {
    "ST": ResNetConfig(bricks=3, repetitions=1, filters=8),
    "M": ResNetConfig(bricks=3, repetitions=2, filters=16),
    "D": ResNetConfig(bricks=3, repetitions=5, filters=16),
    "VD": ResNetConfig(bricks=3, repetitions=18, filters=16),
    # One network of the size of {ST, M}: 2.6 % fewer parameters and 2.2 % fewer
    # operations, and 9 and 10 % more.
    "M17": ResNetConfig(bricks=3, repetitions=2, filters=17),
    "M18": ResNetConfig(bricks=3, repetitions=2, filters=18),
}


def build_resnet(
    config: ResNetConfig,
    input_shape: tuple[int, int, int],
    num_classes: int = 10,
    name: str | None = None,
    *,
    seed: int | None = None,
    dtype: str | None = None,
) -> keras.Model:
    """Builds the network of section 2, up to the logits (no softmax).

    Args:
        config: a `ResNetConfig`, e.g. `PRESETS["ST"]`.
        input_shape: (height, width, channels) of the images. Height and width must be
            divisible by 2^(bricks - 1).
        num_classes: how many logits.
        name: the model's name; the name of its metrics in an ensemble.
        seed: integer from which all initial weights derive, or None to draw them from
            Keras's global generator.
        dtype: Keras dtype policy of the layers, e.g. "mixed_bfloat16"; None is the
            global policy. The logits are float32 whatever it is.

    Returns:
        A functional `keras.Model` from images `[batch, height, width, channels]` with
        values 0..255 to logits `[batch, num_classes]`.

    Raises:
        ValueError: when the reductions cannot halve the image.
    """
    libraries.check_backend()
    _check_input_shape(config, input_shape)
    layers = residual_layers.Layers(seed, dtype)
    inputs = keras.Input(input_shape, name="images")
    x = layers.normalized_images(inputs)
    x = layers.conv(config.filters, 3, use_bias=True)(x)
    for brick in range(config.bricks):
        for _ in range(config.repetitions):
            x = _block(layers, x)
        if brick < config.bricks - 1:
            x = _reduction(layers, x, config.reduction)
    return keras.Model(inputs, layers.logits(x, num_classes), name=name)


def _build_preset(
    preset, input_shape, num_classes, *, name, seed, dtype, reduction="paper"
):
    config = dataclasses.replace(PRESETS[preset], reduction=reduction)
    return build_resnet(config, input_shape, num_classes, name, seed=seed, dtype=dtype)


for _preset in PRESETS:
    register_network(_preset)(functools.partial(_build_preset, _preset))


def _block(layers, x):
    """Section 2 (3.1): x + conv(relu(BN(conv(relu(BN(x))))))."""
    filters = x.shape[-1]
    out = layers.conv(filters, 3)(layers.batch_norm_relu(x))
    out = layers.conv(filters, 3)(layers.batch_norm_relu(out))
    return layers.add(x, out)


def _reduction(layers, x, kind):
    """Section 2 (3.2): halves height and width, doubles the filters."""
    filters = 2 * x.shape[-1]
    kernel_size, padding = {"paper": (2, "valid"), "released": (3, "same")}[kind]
    out = layers.batch_norm_relu(x)
    out = layers.conv(filters, kernel_size, strides=2, padding=padding)(out)
    out = layers.conv(filters, 3)(layers.batch_norm_relu(out))
    shortcut = layers.conv(filters, 2, strides=2, padding="valid")(x)
    return layers.add(shortcut, out)


def _check_input_shape(config, input_shape):
    """Refuses an image that the reductions cannot halve (section 3.3, 2)."""
    if len(input_shape) != 3 or None in input_shape:
        raise ValueError(
            "input_shape must be (height, width, channels) in full, "
            f"got {tuple(input_shape)}"
        )
    factor = 2 ** (config.bricks - 1)
    bad = [size for size in input_shape[:2] if size % factor or size < factor]
    if bad:
        fitting = set().union(*(_multiples_beside(size, factor) for size in bad))
        raise ValueError(
            f"images of {input_shape[0]}x{input_shape[1]} cannot be halved "
            f"{config.bricks - 1} times: height and width must be multiples of "
            f"{factor}, such as {' or '.join(map(str, sorted(fitting)))}"
        )


def _multiples_beside(size, factor):
    """The multiples of `factor` just below and just above `size`, without 0."""
    below = size // factor * factor
    return {below, below + factor} - {0}

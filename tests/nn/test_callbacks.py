import keras
import pytest

from collaborative import register_callback
from collaborative.nn.callbacks import build_callbacks


def test_callbacks_of_no_arguments_and_of_the_config(registered):
    seen = []
    register_callback("a")(lambda: keras.callbacks.SwapEMAWeights())
    register_callback("b")(lambda config: seen.append(config) or Own())
    first, second = build_callbacks(("a", "b"), "the config")
    assert isinstance(first, keras.callbacks.SwapEMAWeights)
    assert isinstance(second, Own) and seen == ["the config"]
    assert build_callbacks(("a",), None)[0] is not first


class Own(keras.callbacks.Callback):
    pass


def fails():
    raise RuntimeError("no network")


@pytest.mark.parametrize(
    "function, said",
    [
        (lambda: 3, "callback own must give a keras.callbacks.Callback, got int"),
        (fails, "callback own: RuntimeError: no network"),
    ],
)
def test_what_a_callback_gives_or_raises_is_one_line(function, said, registered):
    register_callback("own")(function)
    with pytest.raises(ValueError, match=said):
        build_callbacks(("own",), None)


def test_what_cannot_be(registered):
    with pytest.raises(ValueError, match="must be a function of no arguments, or of"):
        register_callback("own")(lambda config, model: None)
    with pytest.raises(ValueError, match="must be one of none yet, got 'own'"):
        build_callbacks(("own",), None)

import keras
import pytest
from keras.src.utils.python_utils import is_default

from collaborative import register_callback
from collaborative.nn.callbacks import FailedCallback, build_callbacks


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


class Raises(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise ZeroDivisionError("of nothing\nmore")


def leaves(epoch, logs):
    raise SystemExit(3)


@pytest.mark.parametrize(
    "make, said",
    [
        (Raises, "ZeroDivisionError: of nothing: mend it"),
        (lambda: keras.callbacks.LambdaCallback(on_epoch_end=leaves), "SystemExit: 3:"),
    ],
)
def test_what_a_callback_raises_in_training_names_it(make, said, registered):
    register_callback("own")(make)
    (callback,) = build_callbacks(("own",), None)
    with pytest.raises(FailedCallback) as caught:
        callback.on_epoch_end(0, {})
    assert str(caught.value).startswith(f"callback own, on_epoch_end: {said}")
    assert "\n" not in str(caught.value) and caught.value.status == 1
    # Else Keras would wait for each batch.
    assert is_default(callback.on_train_batch_end)


def test_what_we_raise_in_a_callback_stays_what_it_is(registered):
    def interrupts(logs):
        raise KeyboardInterrupt

    own = keras.callbacks.LambdaCallback(on_train_end=interrupts)
    register_callback("own")(lambda: own)
    (callback,) = build_callbacks(("own",), None)
    with pytest.raises(KeyboardInterrupt):
        callback.on_train_end({})

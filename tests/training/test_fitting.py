"""What a person is told where a step of training fails."""

import pytest
import tensorflow as tf

from collaborative.system import plugins, xla_cache
from collaborative.training import fitting

FULL = tf.errors.ResourceExhaustedError(None, None, "no more memory")
NO_ROOM = tf.errors.ResourceExhaustedError(None, None, "xla_compile_cache__1.pb: full")


@pytest.mark.parametrize(
    "error, said",
    [
        (FULL, "out of memory: choose a smaller batch_size"),  # a plugin's too
        (NO_ROOM, "what XLA compiled cannot be kept in kept"),
        (ValueError("wrong"), "--plugin mine.py: mend it, and the same command"),
    ],
    ids=str,
)
def test_advice_on_an_error_of_a_plugin_s_step(error, said, monkeypatch):
    monkeypatch.setenv(xla_cache.VARIABLE, "kept")
    monkeypatch.setattr(plugins, "said_by", lambda error: "--plugin mine.py")
    assert fitting._advice(error).startswith(said)


def test_no_advice_on_what_is_not_known(monkeypatch):
    monkeypatch.delenv(xla_cache.VARIABLE, raising=False)
    assert fitting._advice(ValueError("wrong")) == ""
    assert fitting._advice(NO_ROOM).startswith("out of memory")

import keras
import numpy as np

from collaborative.nn import optimization


def test_learning_rate_halves_once_half_of_the_steps_are_done():
    schedule = optimization.paper_optimizer(200, 1.0)._learning_rate
    rates = [float(schedule(step)) for step in range(200)]
    assert rates == [1.0] * 100 + [0.5] * 50 + [0.25] * 30 + [0.125] * 20


def test_learning_rate_of_an_odd_number_of_steps():
    schedule = optimization.paper_optimizer(5)._learning_rate
    # After 2.5, 3.75 and 4.5 steps, that is from the 4th, 5th and 6th on.
    rates = [float(schedule(step)) * 2**10 for step in range(5)]
    assert rates == [1, 1, 1, 0.5, 0.25]


def test_adam_is_the_papers():
    optimizer = optimization.paper_optimizer(100)
    assert isinstance(optimizer, keras.optimizers.Adam)
    assert optimizer.epsilon == 1e-8
    assert float(optimizer.learning_rate) == 2**-10


def test_learning_rate_falls_in_steps_of_a_tenth():
    schedule = optimization.sgd(20, 1.0, 0.9, schedule="step")._learning_rate
    rates = [float(schedule(step)) for step in range(20)]
    wanted = [1.0] * 6 + [0.1] * 6 + [0.01] * 6 + [0.001] * 2
    np.testing.assert_allclose(rates, wanted, rtol=1e-6)

import keras
import numpy as np
from small_models import compiled, ensemble, fit, weights

from collaborative.nn import averages


def averaged():
    return compiled(ensemble(), optimizer=keras.optimizers.SGD(0.1, use_ema=True))


def test_averages_are_in_place_within_the_block_alone(images_and_labels):
    model = averaged()
    for _ in range(3):
        model.train_on_batch(*images_and_labels)
    own = weights(model)
    kept = [v.numpy() for v in model.optimizer.variables if "average" in v.path]
    with averages.in_place(model):
        inside = weights(model)
    for one, other in zip([*own, *kept], [*weights(model), *inside], strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(own[0], inside[0])


def test_measuring_averages_changes_no_training(images_and_labels):
    """Bit for bit, unlike Keras's callback; what is measured last is what is left."""
    plain, measured = averaged(), averaged()
    fit(plain, images_and_labels, epochs=2)
    history = measured.fit(
        *images_and_labels, batch_size=32, epochs=2, shuffle=False, verbose=0,
        validation_data=images_and_labels, callbacks=[averages.MeasureAverages()],
    ).history  # fmt: skip
    for one, other in zip(weights(plain), weights(measured), strict=True):
        np.testing.assert_array_equal(one, other)
    found = measured.evaluate(*images_and_labels, verbose=0, return_dict=True)
    assert found["a_cost"] == history["val_a_cost"][-1]

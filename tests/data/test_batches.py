import numpy as np
import psutil
import pytest
import tensorflow as tf

from collaborative import datasets
from collaborative.data import batches


def batches_of(examples, batch_size, seed, first_epoch, epochs, **settings):
    made = batches.TrainingBatches(examples, batch_size, seed, **settings)
    return list(made.fed(first_epoch, epochs).as_numpy_iterator())


@pytest.fixture
def numbered():
    """Ten images whose only pixel is their number, which is their label as well."""
    numbers = np.arange(10)
    return datasets.Examples(numbers.astype(np.uint8).reshape(10, 1, 1, 1), numbers)


def test_an_epoch_has_each_image_once_but_for_the_partial_batch(numbered):
    seen = batches_of(numbered, 4, 1, 0, 3)
    assert [len(labels) for _, labels in seen] == [4] * 6
    for epoch in range(3):
        labels = np.concatenate([y for _, y in seen[2 * epoch : 2 * epoch + 2]])
        assert len(set(labels)) == 8
    for images, labels in seen:
        np.testing.assert_array_equal(images[:, 0, 0, 0], labels)


def test_order_depends_on_seed_and_epoch_only(numbered):
    def labels(seed, first_epoch):
        seen = batches_of(numbered, 5, seed, first_epoch, 4)
        return [y.tolist() for _, y in seen]

    whole = labels(1, 0)
    assert labels(1, 2) == whole[4:]
    assert whole[:2] != whole[2:4]
    assert labels(2, 0) != whole


def test_batches_that_are_shuffled_once_are_the_same_in_each_epoch(numbered):
    seen = batches_of(numbered, 5, 1, 0, 3, reshuffled=False)
    labels = [y.tolist() for _, y in seen]
    first = [y.tolist() for _, y in batches_of(numbered, 5, 1, 0, 1)]
    assert labels == 3 * first


def test_batches_have_a_static_shape(numbered):
    made = batches.TrainingBatches(numbered, 4, 1)
    images, labels = made.fed(0, 3).element_spec
    assert images.shape == (4, 1, 1, 1) and labels.shape == (4,)
    assert images.dtype == tf.uint8
    assert made.fed(1, 3).cardinality() == 4


def test_evaluation_keeps_all_images_in_order(numbered):
    seen = batches.eval_batches(numbered, 4).as_numpy_iterator()
    assert [y.tolist() for _, y in seen] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_batches_are_not_autotuned(numbered):
    for pipeline in (
        batches.TrainingBatches(numbered, 4, 1).fed(0, 3),
        batches.eval_batches(numbered, 4),
    ):
        assert pipeline.options().autotune.enabled is False


def test_batch_sizes_that_cannot_be(numbered):
    with pytest.raises(datasets.DatasetChoiceError, match="from 1 to the 10 training"):
        batches.TrainingBatches(numbered, 11, 1)
    with pytest.raises(datasets.DatasetChoiceError, match="must be 1 or more, not 0"):
        batches.eval_batches(numbered, 0)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"flip": True},
        {"teacher": np.arange(20, dtype=np.float32).reshape(10, 2)},
        {"unlabeled": "noise", "unlabeled_size": 3},
        {"unlabeled": np.arange(7, dtype=np.uint8).reshape(7, 1, 1, 1),
         "unlabeled_size": 2},
    ],
    ids=["plain", "flip", "teacher", "noise", "unlabeled"],
)  # fmt: skip
def test_blocks_hold_the_same_batches(numbered, settings):
    """Of three steps an epoch in blocks of two."""
    made = batches.TrainingBatches(numbered, 3, 1, **settings)
    gather, seen = tf.function(made.gatherer(), jit_compile=True), []
    for keys, count in made.blocks(1, 3, 2):
        assert keys.images.shape == (2, 3)
        for i in range(count):
            seen.append(gather(tf.nest.map_structure(lambda part, i=i: part[i], keys)))
    for one, other in zip(made.fed(1, 3), seen, strict=True):
        for a, b in zip(tf.nest.flatten(one), tf.nest.flatten(other), strict=True):
            np.testing.assert_array_equal(a, b)


def extended(examples, first_epoch=0, **settings):
    return batches_of(examples, 4, 1, first_epoch, 3, **settings)


def test_extended_batches_are_the_same_images_with_their_teacher(numbered):
    logits = np.arange(20, dtype=np.float32).reshape(10, 2)
    plain, seen = batches_of(numbered, 4, 1, 0, 3), extended(numbered, teacher=logits)
    assert len(seen) == 6
    for (images, labels), (inputs, again) in zip(plain, seen, strict=True):
        np.testing.assert_array_equal(labels, again)
        np.testing.assert_array_equal(images, inputs.images)
        np.testing.assert_array_equal(inputs.teacher, logits[labels])
        assert inputs.unlabeled == ()


def test_images_without_labels_are_seen_equally_often(numbered):
    further = np.arange(100, 105, dtype=np.uint8).reshape(5, 1, 1, 1)
    seen = extended(numbered, unlabeled=further, unlabeled_size=5)
    epochs = [np.concatenate([x.unlabeled.ravel() for x, _ in seen[i : i + 2]])
              for i in (0, 2, 4)]  # fmt: skip
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(epoch), np.repeat(np.arange(100, 105), 2))
    assert epochs[0].tolist() != epochs[1].tolist()


def test_noise_is_uniform_and_new_at_each_step(numbered):
    seen = extended(numbered, unlabeled="noise", unlabeled_size=500)
    noise = np.stack([x.unlabeled.ravel() for x, _ in seen])
    assert noise.shape == (6, 500) and noise.dtype == np.uint8
    assert len({row.tobytes() for row in noise}) == 6
    assert abs(noise.mean() - 127.5) < 5 and noise.min() < 5 and noise.max() > 250


@pytest.mark.parametrize(
    "settings",
    [
        {"flip": True},
        {"unlabeled": "noise", "unlabeled_size": 3},
        {"unlabeled": np.zeros((7, 1, 1, 1), np.uint8), "unlabeled_size": 3},
    ],
)
def test_extended_batches_resume_exactly(numbered, settings):
    whole, rest = extended(numbered, **settings), extended(numbered, 1, **settings)
    for one, other in zip(whole[2:], rest, strict=True):
        for a, b in zip(tf.nest.flatten(one), tf.nest.flatten(other), strict=True):
            np.testing.assert_array_equal(a, b)


def test_images_are_copied_once_however_many_iterators_there_are():
    images = np.ones((50_000, 32, 32, 3), np.uint8)
    examples = datasets.Examples(images, np.zeros(len(images), np.int64))
    few = datasets.Examples(images[:100], examples.labels[:100])
    next(iter(batches.TrainingBatches(few, 64, 1).fed(0, 1)))
    before = psutil.Process().memory_info().rss
    pipeline = batches.TrainingBatches(examples, 64, 1).fed(0, 1)
    iterators = [iter(pipeline) for _ in range(3)]
    for iterator in iterators:
        next(iterator)
    grown = psutil.Process().memory_info().rss - before
    assert grown < 1.5 * images.nbytes

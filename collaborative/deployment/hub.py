"""The head of a card as Hugging Face's hub reads it: YAML before the Markdown."""

from __future__ import annotations

import yaml
from etils import epy

from collaborative.data import own_names

with epy.lazy_imports():
    from scipy import stats

# Data sets whose address on the hub is known; others have their name alone.
_DATASETS = {
    "mnist": "ylecun/mnist",
    "fashion_mnist": "zalando-datasets/fashion_mnist",
    "cifar10": "uoft-cs/cifar10",
    "cifar100": "uoft-cs/cifar100",
}
# By formats of other names. The hub's tf-keras is Keras 2, which no SavedModel of ours
# needs; a page needs no library.
_LIBRARIES = {"litert": "tflite", "saved_model": "tensorflow", "web": None}
TAGS = ("image-classification", "mutual-learning", "collaborative-learning")
CONFIDENCE = 0.95


def head(metadata):
    """The YAML head of a card, `---` before and after it.

    Args:
        metadata: what `model_card.describe` gives.
    """
    config = metadata["run"]["config"]
    name = own_names.short_name(config["dataset"])
    known = _DATASETS.get(name)
    library = _LIBRARIES.get(metadata["format"], metadata["format"])
    content = {
        **({"library_name": library} if library else {}),
        "license": metadata.get("license") or "unknown",
        "pipeline_tag": "image-classification",
        "tags": [*TAGS, metadata["format"]],
        **({"datasets": [known]} if known else {}),
        "metrics": ["accuracy"],
        "model-index": [
            {
                "name": metadata["member"],
                "results": [
                    {
                        "task": {"type": "image-classification"},
                        "dataset": {"type": known or name, "name": name},
                        "metrics": [_accuracy(metadata)],
                    }
                ],
            }
        ],
    }
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=88)
    return f"---\n{text}---\n\n"


def _accuracy(metadata):
    """The accuracy on test images, of what is in the file, with Wilson's interval."""
    kind = metadata["quantize"]
    found = metadata["verification"].get(f"{kind}_error")
    error = metadata["scores"]["test_error"] if found is None else found
    count = metadata["run"]["data"]["test"]
    right = round((1 - error) * count)
    low, high = stats.binomtest(right, count).proportion_ci(CONFIDENCE, "wilson")
    return {
        "type": "accuracy",
        "value": round(right / count, 6),
        "name": f"Test accuracy, {100 * CONFIDENCE:.0f} % interval {low:.4f} to "
        f"{high:.4f} ({count:,} test images, one training)",
    }

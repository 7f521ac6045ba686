"""A Collaborative Approach to Deep Learning (Noel, 2017) on TensorFlow 2 and Keras 3.

Networks that learn one classification task together: each from the labels and, through
a collaboration cost on their logits, from each other.

The public names below are imported when they are first used, so that `import
collaborative` takes no time and starts no TensorFlow. Whoever loads a saved ensemble
with `keras.models.load_model` imports `collaborative.models` first, which tells Keras
its classes; `collaborative.load_model` does both.
"""

import pathlib

from etils import epy

from collaborative import _checkout

# In a checkout the paper's files (models.py, resnet.py, ...) lie beside this folder, in
# an installed package in it. They are modules of the package in either case.
if not pathlib.Path(__file__).with_name("models.py").exists():
    _checkout.adopt(pathlib.Path(__file__).parents[1])

# `register_network` by way of `resnet`, whose networks have their names by then.
with epy.lazy_api_imports(globals()):
    from collaborative.collaboration import Collaboration, register_topology
    from collaborative.costs import register
    from collaborative.data.examples import Inputs
    from collaborative.datasets import load as load_dataset
    from collaborative.deployment.plain_models import plain_model
    from collaborative.models import EnsembleModel, SingleModel, load_model
    from collaborative.nn.callbacks import register_callback
    from collaborative.resnet import PRESETS, build_resnet, register_network
    from collaborative.runs.reader import read_statistics
    from collaborative.runs.run_table import final_epochs, load_runs
    from collaborative.schedules import register_schedule

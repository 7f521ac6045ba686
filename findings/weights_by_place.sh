#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0: to which sub-model `load_weights` gives which weights.
#
# Guess: a .weights.h5 file holds the names of layers, so that weights go to the layer of
#   their name, or are refused where the names do not fit.
# Seen: a subclassed model's list of sub-models is saved by class and place ("sequential",
#   "sequential_1"). A model with the same two networks in another order loads without a
#   word, and each has the other's weights. The names are in the file, and are not read.
# What helps: compare the names (attribute "name" of the groups "vars") before loading.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import keras, numpy as np


class Pair(keras.Model):
    def __init__(self, first, second):
        super().__init__()
        self.first_and_second = [first, second]
        self.built = True


def network(name):
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)], name=name)


saved, other = Pair(network("a"), network("b")), Pair(network("b"), network("a"))
saved.save_weights("pair.weights.h5")
other.load_weights("pair.weights.h5")
(a, b), (other_b, other_a) = saved.first_and_second, other.first_and_second


def same(one, two):
    return np.array_equal(one.get_weights()[0], two.get_weights()[0])


right, wrong = same(other_b, b), same(other_b, a)
print("the network b has the weights of b:", right)
print("the network b has the weights of a:", wrong)
assert wrong and not right, "it changed: weights go by name, or are refused"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null

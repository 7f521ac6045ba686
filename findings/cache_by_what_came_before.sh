#!/usr/bin/env bash
# TensorFlow 2.21.0: which programs `tf_xla_persistent_cache_directory` finds again.
#
# Guess: `TF_XLA_FLAGS=--tf_xla_persistent_cache_directory=DIR` keeps what XLA compiled, and
#   a later process that compiles the same function for the same shapes takes it from there.
# Seen: the place of an entry goes by the function's name, and the name ends in a number
#   that counts tensors and functions that this process made before. The same script finds
#   its entry again. With one `tf.zeros(1)` more before the function is traced, as of data
#   that are prepared, a flag that is read or a model that is looked at, it finds none,
#   compiles anew and writes a second entry, whose program is the first one's. Nothing is
#   said.
# What helps: to trace after the same steps in each process, and whatever depends on data
#   or files after that, or in a process of its own.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet tensorflow==2.21.0 keras==3.15.1 numpy==2.4.6
cat > run.py <<'PYTHON'
import sys

import tensorflow as tf

for _ in range(int(sys.argv[1])):
    tf.zeros(1)


@tf.function(jit_compile=True)
def step(images):
    return tf.reduce_sum(tf.nn.relu(images @ tf.transpose(images)))


print(float(step(tf.ones([8, 64]))))
PYTHON
export TF_XLA_FLAGS="--tf_xla_persistent_cache_directory=$folder/kept" TF_CPP_MIN_LOG_LEVEL=3
entries() {  # of the cache, after the script with so many tensors made before
    env/bin/python run.py "$1" 2>error.txt >said.txt || { cat error.txt; exit 1; }
    echo "$1 tensors before: the sum is $(cat said.txt), entries: $(ls kept | wc -l)"
}
entries 0
entries 0
[ "$(ls kept | wc -l)" = 1 ] || { echo "it changed: the same script"; exit 1; }
entries 1
[ "$(ls kept | wc -l)" = 2 ] || { echo "it changed: the name has no say"; exit 1; }
entries 1
entries 2
[ "$(ls kept | wc -l)" = 3 ] || { echo "it changed: the name has no say"; exit 1; }

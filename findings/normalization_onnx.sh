#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0, tf2onnx 1.17.0: an adapted `Normalization` in ONNX.
#
# Guess: `model.export(format="onnx")` of a model that begins with an adapted
#   Normalization layer has one input, the images; mean and variance are constants in it.
# Seen: the graph has three required inputs. Mean and the square root's argument are
#   plain tensors that the traced function captures, and captures become inputs; ONNX
#   Runtime refuses to run the model on the images alone. Nothing warns at the export.
#   Normalization(mean=..., variance=...) is exported in the same way.
# What helps: a Rescaling layer with the same numbers in place of the Normalization.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet keras==3.15.1 tensorflow==2.21.0 tf2onnx==1.17.0 \
    onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat > run.py <<'PYTHON'
import keras, numpy as np, onnx, onnxruntime

images = np.random.default_rng(0).uniform(0, 255, (64, 4)).astype("float32")


def exported(first):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(2)(first(inputs)))
    model(images)
    model.export("model.onnx", format="onnx", verbose=False)
    names = [i.name for i in onnx.load("model.onnx").graph.input]
    session = onnxruntime.InferenceSession("model.onnx")
    try:
        session.run(None, {names[0]: images})
        return names, "runs on the images alone"
    except ValueError as error:
        return names, "refused: " + str(error)[:40]


adapted = keras.layers.Normalization()
adapted.adapt(images)
given = keras.layers.Normalization(mean=images.mean(0), variance=images.var(0))
scale = 1 / images.std(0)
rescaling = keras.layers.Rescaling(list(scale), list(-images.mean(0) * scale))
layers = {"adapted": adapted, "mean and variance given": given, "Rescaling": rescaling}
counts = {}
for name, layer in layers.items():
    names, said = exported(layer)
    counts[name] = len(names)
    print(f"{name}: {len(names)} inputs; {said}")
assert list(counts.values()) == [3, 3, 1], f"it changed: {counts}"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python run.py 2>/dev/null

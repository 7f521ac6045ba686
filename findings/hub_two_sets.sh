#!/usr/bin/env bash
# huggingface_hub 2.4.0: a model card with results on two data sets of one's own.
#
# Guess: `ModelCardData(eval_results=...)` writes each `EvalResult` with the data set that
#   it names: 0.91 on "ward A", 0.78 on "ward B", both folders of pictures ("imagefolder").
# Seen: results are put together by task, and by the type, config, split and revision of
#   the data set; of its name, and of the source, the first one's goes for all. The card
#   says 0.91 and 0.78 on "ward A"; "ward B" is nowhere, and a card that is read and
#   saved again keeps it so. Nothing warns.
# What helps: another dataset_config, or split, for each.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
${PYTHON:-python3.11} -m venv env
env/bin/pip install --quiet huggingface_hub==2.4.0
cat > run.py <<'PYTHON'
from huggingface_hub import EvalResult, ModelCardData


def written(**told):
    """Names of data sets and values of metrics in a card's metadata."""
    results = [
        EvalResult(
            task_type="image-classification",
            dataset_type="imagefolder",
            dataset_name=name,
            metric_type="accuracy",
            metric_value=value,
            **{key: name for key in told},
        )
        for name, value in (("ward A", 0.91), ("ward B", 0.78))
    ]
    data = ModelCardData(model_name="x", eval_results=results).to_dict()
    (index,) = data["model-index"]
    return [
        (part["dataset"]["name"], [metric["value"] for metric in part["metrics"]])
        for part in index["results"]
    ]


plain, apart = written(), written(dataset_config=True)
print("written:", plain)
print("with a config each:", apart)
assert plain == [("ward A", [0.91, 0.78])], "it changed: the name of the data set"
assert apart == [("ward A", [0.91]), ("ward B", [0.78])], "it changed: with a config"
PYTHON
env/bin/python run.py

# The newest Python that is there and that TensorFlow supports.
PYTHON ?= $(shell for version in 3.13 3.12 3.11; do \
	python$$version -c 'import ensurepip, venv' 2>/dev/null && echo python$$version && break; done)
VENV := .venv
BIN := $(VENV)/bin
TO_RUN := $(VENV)/installed-to-run
TO_TEST := $(VENV)/installed-to-test

# Those of docs/demo.html; DATA_DIR is where TensorFlow Datasets has MNIST, or puts it.
MEMBERS := results/members/mnist
DATA_DIR :=

.PHONY: run test test-all lint demo clean

run: $(TO_RUN)
	$(BIN)/python run_experiments.py --dataset digits --method L2 --alpha 0.01

test: $(TO_TEST)
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

test-all: $(TO_TEST)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[notebook]'
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(TO_TEST)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

demo: $(TO_RUN)
	$(BIN)/python export.py --format web --member ST --license mit --run $(MEMBERS)/L2_0.01 \
		--compare $(MEMBERS)/Single_0.0 --output_dir build $(DATA_DIR:%=--data_dir=%)
	cp build/ST-web/index.html docs/demo.html

$(TO_RUN): setup.cfg setup.py constraints.txt
	$(if $(PYTHON),,$(error Python 3.11, 3.12 or 3.13 is needed, with venv; none is there: install one, or name it: make PYTHON=...))
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(TO_TEST): $(TO_RUN)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test,export]'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info

# `make help` lists the targets. Everything runs in a private environment, .venv, created on first use.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
GOLDEN ?= ../shared/reference
SEED   ?= 0

# XLA:CPU allocates its temporaries anew at each call; this keeps glibc from unmapping them.
MALLOC := MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=64000000000 \
          MALLOC_TOP_PAD_=268435456 MALLOC_ARENA_MAX=1

.DEFAULT_GOAL := help
.PHONY: help animate test lint parity crossings bench bench-data bench-face-space demo-weights figures docs clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | \
	  awk -F'|' '{printf "  make %-14s %s\n", $$1, $$2}'

animate: $(VENV)/animate.stamp  ## animate the bundled portrait and speech: playmate-demo.mp4
	$(BIN)/playmate animate

test: $(VENV)/test.stamp  ## run the tests (SLOW=1: also those that take minutes)
	$(BIN)/python -m pytest -n 2 --dist loadfile \
	  --jaxtyping-packages=playmate_jax,tests.check $(if $(SLOW),,-m "not slow")

lint: $(VENV)/test.stamp  ## run ruff, mypy, shellcheck and hadolint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/shellcheck launch/*.sh launch/slurm/train.sbatch .ci/run
	$(BIN)/hadolint launch/docker/Dockerfile

parity: $(VENV)/test.stamp  ## compare networks with recorded PyTorch outputs (GOLDEN=dir SEED=n)
	$(MALLOC) $(BIN)/python -m playmate_jax.converters.parity $(GOLDEN) --seed $(SEED)

crossings: $(VENV)/test.stamp  ## convert every family to JAX and back at full size: a table in Markdown
	$(MALLOC) $(BIN)/python -m playmate_jax.converters.round_trips

bench: $(VENV)/test.stamp  ## time W, G and a train step at full size against PyTorch references
	$(MALLOC) $(BIN)/python benchmarks/full_size.py
	$(BIN)/playmate benchmark train --stage 1 --against torch

bench-data: $(VENV)/test.stamp  ## time records, renderer and input pipeline; prepare 500 broken media files
	$(BIN)/python benchmarks/records.py
	$(BIN)/python benchmarks/synthetic_faces.py
	$(MALLOC) $(BIN)/python benchmarks/input_pipeline.py
	$(BIN)/python benchmarks/fuzz_media.py

bench-face-space: $(VENV)/test.stamp  ## gradients and time of the face space's step against PyTorch (24 GB)
	$(BIN)/python benchmarks/face_space_step.py --only gradients
	$(MALLOC) $(BIN)/python benchmarks/face_space_step.py --only speed --rounds 1 --without transfer

demo-weights: $(VENV)/test.stamp  ## train the demo weights from scratch (hours on a CPU)
	$(MALLOC) bash launch/demo_weights.sh

figures: $(VENV)/test.stamp  ## measure the shipped weights; results go into their cards (DATA=dir)
	$(MALLOC) bash launch/figures.sh

docs: $(VENV)/docs.stamp  ## build the site of docs/ and the API: docs/_build/html/index.html
	rm -rf docs/api
	$(BIN)/python -m sphinx -q -W --keep-going -b html -d docs/_build/doctrees docs docs/_build/html

clean:  ## remove the private environment
	rm -rf $(VENV) build docs/_build docs/api *.egg-info

# ---- the private environment ------------------------------------------------------------------
$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip

# opencv-python needs the system's libGL; where it is missing, the headless build replaces it. This is
# repeated after every installation, because each installs opencv-python again over the same files.
CV2 = $(BIN)/python -c 'import cv2' 2>/dev/null || ( \
	  $(BIN)/python -m pip uninstall -q -y opencv-python && \
	  $(BIN)/python -m pip install -q --force-reinstall --no-deps opencv-python-headless )

$(VENV)/animate.stamp: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q -e .
	$(CV2)
	@touch $@

$(VENV)/test.stamp: $(VENV)/animate.stamp
	$(BIN)/python -m pip install -q -e '.[train,prepare,convert,serve,page,c2pa,lint,test]'
	$(CV2)
	@touch $@

$(VENV)/docs.stamp: $(VENV)/animate.stamp
	$(BIN)/python -m pip install -q -e '.[train,prepare,serve,docs]'
	$(CV2)
	@touch $@

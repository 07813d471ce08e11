# Three commands: `make demo`, `make serve` and `make test`. Everything they make lies in .venv/ and runs/.
# Stamp files stand for what is done, so a second call does nothing twice.

PYTHON ?= python3# 3.11 or later
VENV := .venv
INKDIGITS := $(VENV)/bin/inkdigits
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check
DEMO := runs/demo
RUN := $(DEMO)/fast

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo serve test lint docs constraints clean

help:  ## list these targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST) | expand -t 20

demo: $(DEMO)/evaluated  ## install, train on MNIST, evaluate, read the pictures in examples/
	$(INKDIGITS) classify examples/digits/ --weights $(RUN)/weights/best.onnx
	$(INKDIGITS) read examples/numbers/amount.png examples/numbers/card.png examples/numbers/form.png
	@echo
	@echo "The run        $(RUN)/"
	@echo "Its training   $(RUN)/report.html"
	@echo "Its test       $(RUN)/evaluate/mnist-test/report.html"
	@echo "Its weights    $(RUN)/weights/best.onnx"
	@echo "Try your own   $(INKDIGITS) classify PICTURE   (with the stronger weights that come with the package)"

serve: $(VENV)/serve  ## install, serve the web page and the API on http://127.0.0.1:8000
	$(INKDIGITS) serve

test: $(VENV)/dev  ## install, run the whole suite on two cores
	$(VENV)/bin/python -m pytest -n 2 --dist loadfile

lint: $(VENV)/dev  ## ruff and mypy
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

docs: $(VENV)/dev  ## write again what code writes: docs/'s generated parts, the notebook
	$(VENV)/bin/python docs/make_reference.py
	$(VENV)/bin/python docs/make_figures.py
	$(VENV)/bin/python docs/make_frontier.py
	$(VENV)/bin/python docs/make_pictures.py
	$(VENV)/bin/python docs/make_page_pictures.py
	$(VENV)/bin/jupytext --quiet --to ipynb --execute notebooks/mnist_tour.py

constraints:  ## pin the newest versions of everything that pyproject.toml names
	tools=$$(mktemp -d) && $(PYTHON) -m venv $$tools && $$tools/bin/pip install -q -e '.[dev]' torch==2.13.0 && \
	  { sed -n '/^#/p' constraints.txt; $$tools/bin/pip freeze --exclude-editable | sed 's/+cpu$$//'; } > constraints.new && \
	  mv constraints.new constraints.txt && rm -r $$tools

clean:  ## remove .venv, the demo's run and the tools' caches; data and other runs stay
	rm -rf $(VENV) $(DEMO) dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "inkdigits needs Python 3.11 or later: make PYTHON=…")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

# Some hundred megabytes, a minute or more. An editable install follows the sources by itself; only what it
# depends on can make it stale.
$(VENV)/train: $(VENV)/made pyproject.toml constraints.txt
	$(PIP) install --quiet --constraint constraints.txt --editable '.[train]'
	@touch $@

# Seconds: no PyTorch.
$(VENV)/serve: $(VENV)/made pyproject.toml constraints.txt
	$(PIP) install --quiet --constraint constraints.txt --editable '.[serve,documents]'
	@touch $@

$(VENV)/dev: $(VENV)/made pyproject.toml constraints.txt
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $(VENV)/train $(VENV)/serve $@

# A training that was cut off goes on where it was; `|`: a later install is no reason to train again.
$(DEMO)/trained: | $(VENV)/train
	@echo "Getting MNIST, training: Ctrl-C is safe, a second 'make demo' goes on."
	@if [ -e $(RUN)/weights/state.safetensors ]; then $(INKDIGITS) train --resume $(RUN); \
	  else rm -rf $(RUN); $(INKDIGITS) train fast --root $(DEMO); fi
	@touch $@

$(DEMO)/evaluated: $(DEMO)/trained
	$(INKDIGITS) evaluate $(RUN)
	@touch $@

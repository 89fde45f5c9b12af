# Every target sets up what it needs; python3 (3.11 or newer) and make are enough.
#
#   make setup   a virtual environment in .venv with what a user needs
#   make demo    animate a portrait and say where the MP4 is
#   make test    the fast tests          make slow    the long ones          make coverage    which lines they reach
#   make check   style, types and the direction of imports                   make fix         repair style
#   make bench   frames per second and memory, by stage                      make docs        the made parts of the pages
#   make quality how good the pictures are: tables and sheets in out/quality, an hour (CLIPS=folder: with clips of your own)
#   make parity  LivePortrait: golden tests, then the published weights (after: python -m gioconda weights pull liveportrait)
#   make clean   remove what these made

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
OUT := out
DEMO := $(abspath $(OUT)/mona.mp4)
DEMO_PORTRAIT ?= $(firstword $(wildcard examples/portraits/ada.* examples/portraits/*.jpg))
DEMO_GESTURE ?= smile
# Debian's Chromium drives the page in the tests; browsers that Playwright would download itself are not used.
BROWSERS := chromium chromium-browser google-chrome google-chrome-stable

.DELETE_ON_ERROR:
.PHONY: help setup dev browser demo test slow coverage check fix bench quality parity docs clean

help:
	@sed -n '/^#   /s/^#   //p' Makefile

setup: $(VENV)/installed
	@:

dev: $(VENV)/installed-dev
	@:

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Found $$($(PYTHON) --version 2>&1). Gioconda needs Python 3.11 or newer. Install one, then: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "No virtual environment could be made in $(VENV). Python's venv module is needed. On Debian: apt-get install python3-venv" >&2; exit 2; }

# The stamps are made anew when the lists change; pip then installs only the difference.
$(VENV)/installed: requirements.txt | $(PY)
	@echo "Installing what Gioconda needs into $(VENV) (PyTorch is the larger part, with CUDA some gigabytes; minutes) ..."
	@$(PIP) install --quiet -r requirements.txt
	@touch $@

$(VENV)/installed-dev: requirements.txt requirements-dev.txt | $(VENV)/installed
	@echo "Installing what the tests need into $(VENV) ..."
	@$(PIP) install --quiet -r requirements-dev.txt
	@touch $@

demo: setup
	@mkdir -p $(OUT)
	@$(PY) -m gioconda animate $(DEMO_PORTRAIT) --gesture $(DEMO_GESTURE) -o $(DEMO) --overwrite

browser:
	@for name in $(BROWSERS); do command -v $$name >/dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing Chromium for the tests of the page ..."; \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium; } >/dev/null; \
	else \
	  echo "No Chromium was found: the tests of the page will fail. They need one on the PATH ($(BROWSERS)). On Debian: sudo apt-get install chromium" >&2; \
	fi

test: dev browser
	$(PY) -m pytest -n 2 --dist loadfile

slow: dev browser
	$(PY) -m pytest -m slow

coverage: dev browser
	$(PY) -m coverage run -m pytest
	$(PY) -m coverage report

check: dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(VENV)/bin/lint-imports --no-logo
	$(PY) -m mypy

fix: dev
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

bench: dev
	$(PY) bench/speed.py --readme

quality: dev
	$(PY) bench/quality.py $(addprefix --clips ,$(CLIPS))

parity: dev
	$(PY) -m pytest -q -m "" tests/test_liveportrait_golden.py tests/test_liveportrait_networks.py tests/test_liveportrait_load.py
	$(PY) bench/parity.py

docs: setup
	$(PY) docs/update.py

clean:
	rm -rf $(VENV) $(OUT) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .gradio .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

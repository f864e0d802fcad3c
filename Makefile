# Attune. `make run` starts the kiosk, `make test` runs the tests; both set up what is missing.
# Needs git, make and Python 3.11 or newer; everything else is installed by name.

PYTHON ?= $(shell scripts/find_python)
VENV   := .venv
BIN    := $(VENV)/bin
LOCK   := requirements/$(shell scripts/lock_name $(PYTHON))
FACE   := models_tflite/downloads/face_detection_full_range_sparse.tflite

APT_RUN  := g++ libportaudio2 libegl1 libgles2 libgl1 libglib2.0-0 fonts-noto-cjk
APT_TEST := mosquitto mosquitto-clients openssl libasound2-plugins pulseaudio pulseaudio-utils \
            gcc-avr avr-libc libsimavr-dev libelf-dev strace systemd bubblewrap libseccomp2

.DEFAULT_GOAL := help
.PHONY: help setup run demo install uninstall deb test test-slow test-faults test-homeassistant \
        test-boot soak fuzz audit check lint types bench bench-% lock clean train-fer

help:  ## this list
	@awk -F':.*## ' '/^[a-z%-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- set-up ---------------------------------------------------------------------------

# What does not stand any more is made anew, though no file here is newer.
ifneq ($(wildcard $(VENV)/.product),)
ifneq ($(shell scripts/venv_stands $(VENV) && echo yes),yes)
.PHONY: $(VENV)/.product
endif
endif

setup: $(VENV)/.product $(FACE)  ## make .venv with .venv/bin/attune in it

$(VENV)/.product: $(LOCK).lock pyproject.toml scripts/system_packages scripts/make_venv
	@scripts/system_packages $(PYTHON) $(APT_RUN)
	@scripts/make_venv $(PYTHON) $(VENV) $(LOCK).lock
	@touch $@

$(VENV)/.tools: $(VENV)/.product $(LOCK)-dev.lock
	@scripts/system_packages $(PYTHON) $(APT_TEST)
	@echo "setup: tools for the tests"
	@$(BIN)/python -m pip install --quiet --require-hashes -r $(LOCK)-dev.lock
	@touch $@

$(VENV)/.peers: $(VENV)/.tools $(LOCK)-bench.lock
	@echo "setup: the peers that the benchmarks compare with"
	@$(BIN)/python -m pip install --quiet --require-hashes -r $(LOCK)-bench.lock
	@touch $@

# Without a wheel for this Python and processor the search goes without coverage.
$(VENV)/.fuzz: $(VENV)/.tools $(LOCK)-fuzz.lock
	@$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: \
	    -r $(LOCK)-fuzz.lock && touch $@ || echo "setup: there is no atheris for $(PYTHON) here"

$(FACE): scripts/fetch_face_model.py | $(VENV)/.product
	@$(BIN)/python scripts/fetch_face_model.py $@

# --- use ------------------------------------------------------------------------------

run: setup  ## start the kiosk on the devices that are there; MUSIC=DIR takes your music
	@scripts/run_kiosk $(BIN)

demo: setup  ## one whole visit in under two minutes; pictures and sound in build/demo/
	@scripts/system_packages $(PYTHON) mosquitto mosquitto-clients
	@scripts/run_demo $(BIN)

# --- an appliance ---------------------------------------------------------------------

install:  ## sudo make install: Attune as a service of this machine
	@APT_RUN="$(APT_RUN)" scripts/install

uninstall:  ## sudo make uninstall: away with it, your data stay (PURGE=1: them too)
	@scripts/uninstall

deb:  ## build/deb/attune_VERSION_ARCH.deb for this Debian and processor
	@APT_RUN="$(APT_RUN)" scripts/deb

# --- checks ---------------------------------------------------------------------------

test: setup $(VENV)/.tools  ## all quick tests (under ten minutes)
	@$(BIN)/python -m pytest -m "not slow"

test-slow: setup $(VENV)/.tools  ## the long ones too
	@$(BIN)/python -m pytest

test-faults: setup $(VENV)/.tools  ## named faults on the whole kiosk (about ten minutes)
	@$(BIN)/python -m pytest tests/faults -m faults

HOURS ?= 1
soak: setup $(VENV)/.tools  ## visits for HOURS=; memory, threads, handles with a plot in build/soak/
	@$(BIN)/python -m benchmarks.soak --hours $(HOURS)

test-boot: setup $(VENV)/.tools  ## as root: the package in a Debian that boots in a container
	@scripts/test_boot $(BIN)

MINUTES ?= 5
fuzz: setup $(VENV)/.fuzz  ## damaged input for every parser, MINUTES= in all; finds in build/fuzz/
	@$(BIN)/python -m tests.fuzz --minutes $(MINUTES)

audit:  ## known holes in the pinned packages (needs the network)
	@scripts/audit $(PYTHON)

test-homeassistant: setup $(VENV)/.tools  ## the kiosk in a real Home Assistant (600 MB in build/)
	@scripts/test_homeassistant $(BIN)

check: lint types test  ## lint, types and tests

lint: $(VENV)/.tools
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(VENV)/.tools
	@$(BIN)/mypy && $(BIN)/mypy tests benchmarks scripts

bench: setup $(VENV)/.tools  ## the numbers of the whole box, as a table
	@$(BIN)/python -m benchmarks.bench_box

bench-%: setup $(VENV)/.tools  ## one room: face, fer, pulse, index, distance, words, sound, playback, screen
	@$(BIN)/python -m benchmarks.bench_$*

# --- for those who change things --------------------------------------------------------

bench-pulse bench-words: $(VENV)/.peers

lock: $(VENV)/.tools  ## resolve the pinned versions anew (needs uv)
	@scripts/lock

train-fer: ## train the expression network and convert it: make train-fer FER2013=DIR
	@test -n "$(FER2013)" || { echo "say where the data is: make train-fer FER2013=DIR"; exit 2; }
	python3 -m models_tflite.training.fer_train --data $(FER2013) --out build/fer
	python3 -m models_tflite.training.fer_convert --data $(FER2013) --checkpoint build/fer/best.pt \
	    --out build/fer/fer48.tflite

clean:  ## remove build/ and the caches; .venv stays
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis

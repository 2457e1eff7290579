# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
#
# `make demo` and `make test` do all set-up themselves; running them again reuses it.

PYTHON ?= python3
VENV ?= .venv
# The torch to install, e.g. make test TORCH=torch==2.11.0; USE_TORCH=existing takes the one that PYTHON has.
TORCH ?= torch==2.13.0
USE_TORCH ?=
# Scans for `make demo`: a file or a folder; empty: the scans of nibabel's own test data.
DATA ?=
# Passed to the benchmarks, e.g. BENCH_ARGS="--quick --only bezier_map"; python -m benchmarks --help lists them.
BENCH_ARGS ?=
# Passed to pip when it builds the package, e.g. BUILD_ARGS=-Ccmake.define.GENESIS_CUDA=OFF
BUILD_ARGS ?=
# More extras of pyproject.toml to test with, e.g. TEST_EXTRAS=browser
TEST_EXTRAS ?=
# Processes that run the Python tests: a number, or auto, one a core and 8 at most.
JOBS ?= auto

BIN := $(VENV)/bin
BUILD := $(abspath $(VENV))/build
STAMPS := $(VENV)/stamps
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
SOURCES := pyproject.toml CMakeLists.txt $(shell find csrc python scripts benchmarks -type f -not -path '*/__pycache__/*' -not -path '*/results/*')
CPP_SOURCES := $(shell find csrc scripts tests -name '*.h' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' -o -name '*.c')

.DELETE_ON_ERROR:
.PHONY: help demo test build native-tests attacks lint format bench docs clean distclean FORCE

help:
	@echo "make demo        pre-train a small network on CPU (DATA=path: on your scans) and name its pictures"
	@echo "make test        all tests"
	@echo "make build       virtual environment and package only"
	@echo "make lint        ruff, mypy, clang-format"
	@echo "make format      let ruff and clang-format write"
	@echo "make bench       benchmarks"
	@echo "make docs        the documentation as a site, in build/site"
	@echo "make clean       remove what was built; make distclean: the virtual environment too"
	@echo "settings: PYTHON=$(PYTHON) VENV=$(VENV) TORCH='$(TORCH)' USE_TORCH=$(USE_TORCH)"

demo: build
	$(BIN)/genesis demo $(if $(DATA),--data $(DATA)) --out runs/demo

test: build native-tests $(STAMPS)/dev
	$(BIN)/pytest --quiet -p no:benchmark --numprocesses $(JOBS) --maxprocesses 8 --dist worksteal

build: $(STAMPS)/package

# ---------------------------------------------------------------------------------------------------------------------
# Set-up. A stamp is younger than what it stands for.

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "genesis_ext needs Python 3.11 or newer: run make with PYTHON=/path/to/python3.11." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
	  { echo "Python's venv module is missing: install it (on Debian and Ubuntu 'apt-get install python3-venv')." >&2; exit 1; }
	@echo "making the virtual environment $(VENV)"
	@$(PYTHON) -m venv $(VENV)

# Once installed, torch stays as it is unless TORCH or USE_TORCH is given anew.
ifneq ($(filter command environment,$(origin TORCH) $(origin USE_TORCH)),)
$(STAMPS)/torch-wanted: FORCE $(BIN)/python
	@mkdir -p $(STAMPS)
	@echo '$(TORCH) $(USE_TORCH)' | cmp -s - $@ || echo '$(TORCH) $(USE_TORCH)' >$@
else
$(STAMPS)/torch-wanted: | $(BIN)/python
	@mkdir -p $(STAMPS)
	@echo '$(TORCH) $(USE_TORCH)' >$@
endif

$(STAMPS)/torch: $(STAMPS)/torch-wanted
ifeq ($(USE_TORCH),existing)
	@torch=$$($(PYTHON) scripts/find_torch.py) && echo "using torch $${torch%%;*} of $(PYTHON)" && \
	  dirname "$${torch##*;}" >"$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/existing_torch.pth"
else
	@echo "installing $(TORCH)"
	@$(PIP) $(TORCH)
endif
	@touch $@

$(STAMPS)/requirements: $(STAMPS)/torch pyproject.toml constraints.txt
	@echo "installing what building and training need, in the versions of constraints.txt"
	@$(BIN)/python scripts/requirements.py build train >$(STAMPS)/requirements.txt
	@$(PIP) --requirement $(STAMPS)/requirements.txt
	@touch $@

$(STAMPS)/dev: $(STAMPS)/requirements
	@echo "installing what tests need"
	@$(BIN)/python scripts/requirements.py dev $(TEST_EXTRAS) >$(STAMPS)/dev.txt
	@$(PIP) --requirement $(STAMPS)/dev.txt
	@# Its U-Nets need torch and NumPy alone. What else it asks for leads by torchvision to another torch.
	@$(PIP) --no-deps dynamic-network-architectures
	@touch $@

$(STAMPS)/package: $(STAMPS)/requirements $(SOURCES)
	@echo "building genesis_ext"
	@$(PIP) --no-build-isolation --no-deps -Cbuild-dir=$(BUILD) $(BUILD_ARGS) .
	@touch $@

# ---------------------------------------------------------------------------------------------------------------------

native-tests: build
	@$(BIN)/cmake --build $(BUILD) --target native_tests
	@$(BIN)/ctest --test-dir $(BUILD) --label-regex native --parallel 2 --output-on-failure

attacks: build
	@$(BIN)/cmake --build $(BUILD) --target attacks
	@$(BIN)/ctest --test-dir $(BUILD) --label-regex attack --parallel 2 --output-on-failure

lint: $(STAMPS)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run -Werror $(CPP_SOURCES)

format: $(STAMPS)/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CPP_SOURCES)

$(STAMPS)/bench: $(STAMPS)/requirements
	@$(BIN)/python scripts/requirements.py bench >$(STAMPS)/bench.txt
	@$(PIP) --requirement $(STAMPS)/bench.txt
	@touch $@

bench: build $(STAMPS)/bench
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

$(STAMPS)/docs: $(STAMPS)/requirements
	@$(BIN)/python scripts/requirements.py docs >$(STAMPS)/docs.txt
	@$(PIP) --requirement $(STAMPS)/docs.txt
	@touch $@

docs: build $(STAMPS)/docs
	$(BIN)/mkdocs build --strict --site-dir build/site

clean:
	rm -rf build $(BUILD) runs/demo .mypy_cache .ruff_cache .pytest_cache .hypothesis $(STAMPS)/package

distclean: clean
	rm -rf $(VENV)

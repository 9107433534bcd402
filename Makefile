PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help forecast train test lint controls ui history docs clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

forecast: $(VENV)/.installed ## Install, train on the embedded history, print the forecast
	$(BIN)/python train.py
	@echo
	$(BIN)/python predict.py

train: $(VENV)/.installed ## Retrain on the embedded history
	$(BIN)/python train.py

test: lint ## Run lint, types, doctests and tests
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.tested ## Run lint and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

controls: $(VENV)/.installed ## Run the controls of the verification: noise, planted cheats, a known hazard
	$(BIN)/python -m benchmarks.controls

ui: $(VENV)/.installed ## Open the MLflow UI on the runs of this folder: make ui PORT=5001
	@$(BIN)/python -m models.tracking.ui sqlite:///mlflow.db $(PORT)
	$(BIN)/mlflow ui --backend-store-uri sqlite:///mlflow.db --port $(or $(PORT),5000)

history: $(VENV)/.installed ## Make the embedded history again: make history SOURCE=files DATA_DIR=...
	$(BIN)/python -m features.reference.make --source $(or $(SOURCE),files) \
		$(if $(DATA_DIR),--data-dir "$(DATA_DIR)")

docs: $(VENV)/.installed ## Write every figure of the documentation
	$(BIN)/python -m benchmarks.docs

clean: ## Remove the environment and what tools have cached
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; name one with make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) -e .
	@touch $@

$(VENV)/.tested: $(VENV)/.installed
	$(PIP) -e '.[cluster,test]'
	@touch $@

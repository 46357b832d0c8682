# `make demo` shows the product at work; `make test` proves it. `make help` lists the rest.

HOST ?= app1
SCENARIO ?= default
CORE ?= 2.19
FAULTS ?= 100
PYTHON := .venv/bin/python
HOSTS := $(PYTHON) -m tests.hosts
COLLECTION := .cache/collections/ansible_collections/stalk/celery

.PHONY: help
help:
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile | expand -t 20

.venv/done-$(CORE): requirements/ansible-$(CORE).txt requirements/tools.txt tests/project/requirements.txt tests/venv.py
	@python3 -m tests.venv .venv requirements/ansible-$(CORE).txt
	@touch $@

$(COLLECTION):
	@mkdir -p $(@D) && ln -sfn ../../../.. $@

.PHONY: tools
tools: .venv/done-$(CORE) | $(COLLECTION)

.PHONY: demo
demo: tools ## boot four hosts, run three environments on them, send tasks, print a table
	@$(PYTHON) -m tests.demo

.PHONY: demo-down
demo-down: tools ## remove the hosts of the demo
	@$(HOSTS) down demo

.PHONY: shell
shell: tools ## a shell on a host of the demo: make shell HOST=app2
	@$(HOSTS) exec demo -- podman exec -it $(HOST) bash

.PHONY: check
check: tools ## lint, types, sanity and quick unit tests: all that needs no hosts; CORE=2.21 for another ansible-core
	@$(PYTHON) -m tests.check

.PHONY: test
test: tools ## everything: check, all Molecule scenarios; with ansible-core 2.19 and 2.21
	@$(PYTHON) -m tests.check all

.PHONY: molecule
molecule: tools ## one Molecule scenario: make molecule SCENARIO=limit
	@$(HOSTS) run $(SCENARIO) -- molecule test --no-command-borders -s $(SCENARIO)

.venv/docs: requirements/docs.txt .venv/done-$(CORE)
	@.venv/bin/uv pip install --quiet --python $(PYTHON) --requirements requirements/docs.txt
	@touch $@

.PHONY: docs
docs: tools .venv/docs ## the manual and the reference as web pages, in .cache/manual/html
	@PATH="$(CURDIR)/.venv/bin:$$PATH" $(PYTHON) -m tests.manual

.PHONY: schema
schema: tools ## write what editors and ansible-doc show of the keys, from the argument specs of celery_service
	@PYTHONPATH=.cache/collections $(PYTHON) -m tests.schema

.PHONY: scenarios
scenarios: ## the Molecule scenarios, as JSON
	@python3 -c 'import json, pathlib; print(json.dumps(sorted(p.parent.name for p in pathlib.Path("molecule").glob("*/molecule.yml"))))'

.PHONY: release
release: tools ## build the archive and the notes of a release: make release TAG=1.0.0
	@PATH="$(CURDIR)/.venv/bin:$$PATH" $(PYTHON) -m tests.release "$(TAG)"

.PHONY: tutorial
tutorial: tools ## do what docs/tutorial.md says, on two fresh hosts
	@$(HOSTS) run tutorial -- python -m tests.tutorial

.PHONY: bench-reliability
bench-reliability: tools ## published set-ups and this collection under the same load: the table of docs/reliability.md
	@$(HOSTS) run bench -- python -m tests.bench

.PHONY: soak
soak: tools ## 10000 tasks over 100 faults, in about half an hour: docs/reliability.md; make soak SEED=14 runs a seed again
	@$(HOSTS) run soak -- python -m tests.soak --seed=$(SEED) --faults=$(FAULTS)

.PHONY: bench
bench: tools ## how long playbooks take, beside a ping and beside builtin modules: docs/performance.md
	@$(HOSTS) run bench -- python -m tests.speed

.PHONY: clean
clean: ## remove what make made in this directory
	rm -rf .venv .venv-2.21 .cache

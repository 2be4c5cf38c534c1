# `make demo` and `make test` need Python 3.11 to 3.13 with pip and venv, and nothing else.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo golden test slow lint types check compatibility d3rlpy rllib clean

demo: $(READY)  ## compare agents of each family on embedded instances, and write a report of each
	$(BIN)/budgetgym demo

golden: $(READY)  ## record the golden playthroughs anew: every number that changes is a decision
	$(BIN)/python -m tests.golden

test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile

slow: $(READY)  ## the blocks of the documentation that take minutes
	$(BIN)/python -m pytest -m slow

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/pyright

check: test lint types

compatibility: $(READY)  ## other people's libraries on our ids, each in an environment of its own, and the table of the docs
	$(BIN)/python benchmarks/compatibility.py
	set -e; for library in rl_zoo3 skrl supersuit tianshou sbx-rl "ray[rllib]"; do \
		name=$${library%%[*}; venv=.venv-others/$$name; $(PYTHON) -m venv $$venv; \
		$$venv/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 ".[human,report]" requests "$$library"; \
		$$venv/bin/python benchmarks/compatibility.py $$name; \
	done
	$(BIN)/python benchmarks/compatibility.py --page

d3rlpy: $(READY)  ## offline learning with d3rlpy, which pins another Gymnasium, on episodes recorded here
	$(PYTHON) -m venv .venv-others/d3rlpy
	.venv-others/d3rlpy/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 d3rlpy "minari[hdf5]" pillow
	mkdir -p runs
	MINARI_DATASETS_PATH=runs/minari $(BIN)/budgetgym dataset AgenticRouting-v0 --agents random --episodes 4000 --minari routing/random-v0
	MINARI_DATASETS_PATH=runs/minari .venv-others/d3rlpy/bin/python examples/d3rlpy_offline.py learn routing/random-v0 runs/policy.pt
	$(BIN)/python examples/d3rlpy_offline.py score runs/policy.pt AgenticRouting-v0

rllib:  ## RLlib's example, in an environment of its own (2 GB): RLlib pins another Gymnasium than the one we develop with
	$(PYTHON) -m venv .venv-rllib
	grep -v '^gymnasium=' constraints.txt > .venv-rllib/constraints.txt
	.venv-rllib/bin/python -m pip install --quiet --disable-pip-version-check --constraint .venv-rllib/constraints.txt \
		'.[rllib]' hypothesis pytest pytest-timeout pytest-xdist
	OMP_NUM_THREADS=1 .venv-rllib/bin/python -m pytest tests/test_examples.py -k rllib

$(READY): pyproject.toml hatch_build.py constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else "budgetgym needs Python 3.11 to 3.13; set PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv .venv-rllib .venv-others .dev runs dist build

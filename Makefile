# `make demo` and `make test` need Python 3.11 to 3.13 with pip and venv, and nothing else.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test lint types check rllib clean

demo: $(READY)  ## compare agents of each family on embedded instances, and write a report of each
	$(BIN)/budgetgym compare budgetgym/RealTimeBidding-v0 --budgets c0=1/32,1/8 \
		--agents lin,mcpc,ss_mdp,dmd,rlb,optimal --episodes 300 --out runs/demo/bidding
	$(BIN)/budgetgym compare budgetgym/AgenticRouting-v0 --budgets 5,10,15 \
		--agents first_large,random,error_gated,criticality_gated,belief --episodes 20000 --out runs/demo/routing
	$(BIN)/budgetgym compare budgetgym/RestlessPaths-v0 \
		--agents null,random,myopic,whittle,lagrangian --episodes 200 --out runs/demo/paths
	$(BIN)/budgetgym compare budgetgym/RestlessSpillover-v0 \
		--agents null,random,whittle,lagrangian,joint --episodes 50 --out runs/demo/spillover
	$(BIN)/budgetgym compare budgetgym/SocialSteering-v0 --set objective=biased --budgets 0.3,0.6,1.2 \
		--agents null,random,myopic,even_spend,threshold,lagrangian,optimal --episodes 20000 --out runs/demo/steering
	$(BIN)/budgetgym compare budgetgym/TrapTree-v0 --set traps=2 \
		--agents random,greedy,beam:width=3,one_step,flare --episodes 60 --out runs/demo/traptree

test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/pyright

check: test lint types

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
	rm -rf .venv .venv-rllib .dev runs dist build

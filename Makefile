# `make up` runs a local network, `make test` checks everything; `make live` lets seven real nodes
# change their producers, stop and be killed, and takes some minutes; `make soak` keeps many under load
# for an hour while one is killed or stands still each minute.
# `make fuzz` tries CASES inputs on all that reads bytes of strangers; `make hostile` attacks four
# real nodes for SECONDS, with IDS peers that come and go.
# `make economies` lets anybody do anything for STEPS blocks in the economy of each preset.
# `make content-oracle` compares content ids of COUNT files with those of the IPFS project's own importer.
# `make bench` measures everything beside what bounds it, for up to an hour (ARGS=--quick: some minutes).
# Each first makes the environment it needs in .venv, once; ARGS go to `reelect up`.

PYTHON ?= python3
BIN := .venv/bin
VERIFIER := tests/light_verifier
ORACLE := tests/content_oracle
COUNT ?= 100
CLIENTS := tests/gateway
SEEDS ?= 200
FIRST ?= 0
NODES ?= 21
CASES ?= 1000000
STEPS ?= 10000
MINUTES ?= 60
SLOT_MS ?= 500
TX_PER_S ?= 20
SECONDS ?= 0
IDS ?= 1000
# One worker more than there are processors: stories of real networks wait most of the time.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(1 + (os.cpu_count() or 1))')

# Tests start thousands of commands, which need not be compiled each time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: up test live simulate soak fuzz hostile economies content-oracle bench clean

up: .venv/installed
	$(BIN)/reelect up $(ARGS)

test: .venv/installed-test $(addsuffix /node_modules/installed,$(VERIFIER) $(ORACLE) $(CLIENTS))
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m 'not alone' $(ARGS) || [ $$? = 5 ]
	$(BIN)/pytest -m alone $(ARGS) || [ $$? = 5 ]

live: .venv/installed-test
	$(BIN)/python -m tests.live

simulate: .venv/installed-test
	$(BIN)/python -m tests.simulation --seeds $(SEEDS) --first $(FIRST) --nodes $(NODES) $(ARGS)

hostile: .venv/installed-test
	$(BIN)/python -m tests.hostile --seconds $(SECONDS) --ids $(IDS) $(ARGS)

economies: .venv/installed-test
	$(BIN)/python -m tests.economies --steps $(STEPS) $(ARGS)

fuzz: .venv/installed-fuzz
	$(BIN)/python -m tests.fuzz --cases $(CASES) $(ARGS)

soak: .venv/installed-test
	$(BIN)/python -m tests.soak --minutes $(MINUTES) --nodes $(NODES) --slot-ms $(SLOT_MS) \
	    --tx-per-s $(TX_PER_S) $(ARGS)

content-oracle: .venv/installed-test $(ORACLE)/node_modules/installed
	$(BIN)/python -m tests.content_oracle --count $(COUNT) --first $(FIRST) $(ARGS)

bench: .venv/installed-test
	$(BIN)/python -m bench $(ARGS)

clean:
	rm -rf $(addsuffix /node_modules,$(VERIFIER) $(ORACLE) $(CLIENTS)) .venv build dist reelect.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .fuzz

# The source tree is installed in place, uncompiled, so that edits count at once.
.venv/installed: .venv/created pyproject.toml setup.py
	REELECT_PURE=1 $(BIN)/pip install --quiet --quiet --editable .
	touch $@

.venv/installed-test: .venv/created pyproject.toml setup.py
	REELECT_PURE=1 $(BIN)/pip install --quiet --quiet --editable '.[test]'
	touch $@ .venv/installed

.venv/installed-fuzz: .venv/installed-test
	REELECT_PURE=1 $(BIN)/pip install --quiet --quiet --editable '.[fuzz,test]'
	touch $@

# A second verifier of light proofs, and the IPFS project's importer and clients, run on Node.js.
%/node_modules/installed: %/package.json %/package-lock.json
	@node --version >/dev/null && npm --version >/dev/null || { \
	    echo 'The tests need Node.js and npm: sudo apt-get install nodejs npm' >&2; exit 1; }
	cd $* && npm ci --no-audit --no-fund --loglevel=error
	touch $@

.venv/created:
	rm -rf .venv
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=…")'
	$(PYTHON) -m venv .venv
	touch $@

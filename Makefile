# make demo   compare strategies on real pixels and write a report (sets everything up by itself)
# make test   run the tests but the slow ones                      (likewise)
# make test-slow   the rest: kills at twenty moments, clusters, speeds, pretraining
# make figures     every figure and table of the benchmark's paper, from the committed results

PYTHON ?= python3
BIN := .venv/bin
JOBS ?= 2
# Compiled modules are kept whatever the environment says: tests start some hundred processes.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive $(BIN)/pytest -n 2 --dist worksteal

.PHONY: demo test test-slow lint format figures clean

demo: .venv/installed
	$(BIN)/graftbench run quick --jobs $(JOBS)

test: .venv/installed
	$(PYTEST) -m "not slow"

test-slow: .venv/installed
	$(PYTEST) -m slow

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

figures: .venv/installed
	$(BIN)/graftbench figures

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "graftbench needs Python 3.11 or newer; say PYTHON=…")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,ray,slurm,s3]'
	touch $@

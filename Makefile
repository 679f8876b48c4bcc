# `make demo` reads a photograph, `make test` runs all tests; both install into .venv once.
# Another interpreter: make demo PYTHON=python3.12. Another picture: make demo PHOTO=me.jpg.
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,\
	$(shell $(name) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	2>/dev/null && command -v $(name))))
VENV := .venv
BIN := $(VENV)/bin
PHOTO ?=
# Workers of the tests; the tests of one file stay together, as they share models and processes,
# and come in the order of `tests/conftest.py`.
JOBS ?= auto

.PHONY: demo test browser lint clean

demo: $(VENV)/.installed-demo
	$(BIN)/python -m kerasface.apps.demo $(if $(PHOTO),"$(PHOTO)")

test: $(VENV)/.installed-test browser
	$(BIN)/python -m pytest --numprocesses $(JOBS) --maxprocesses 4 --dist loadfile \
		--no-loadscope-reorder

# For the page of `kerasface demo`; its tests are skipped, and say so, where this cannot be had.
browser:
	@for name in chromium chromium-browser google-chrome; do \
		command -v $$name >/dev/null && exit 0; done; \
	{ test "$$(id -u)" = 0 && command -v apt-get >/dev/null && timeout 300 apt-get install -qq -y \
		--no-install-recommends -o Acquire::http::Timeout=20 chromium >/dev/null 2>&1; } || \
	echo "NOTE: no Chromium, so the page of 'kerasface demo' is NOT tested in a browser"

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache

$(VENV)/.created:
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11, 3.12 or 3.13 found; set PYTHON=path"; exit 2; }
	"$(PYTHON)" -m venv $(VENV)
	touch $@

$(VENV)/.installed-demo: $(VENV)/.created setup.py
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[detect]'
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed-demo
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[detect,test]'
	touch $@

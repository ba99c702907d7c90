# make run: captions from nothing.  make test: everything that is checked, from nothing.
# Settings: PYTHON=python3.12, ARGS="--source mic:USB --language de", pip's own (PIP_INDEX_URL, ...), and TORCH_INDEX: the
# index of another build of torch, or none for pip's own.

PYTHON ?= python3
ARGS ?=
# Tests wait for sound and sockets much of the time; more at once than this, or threads in each, and they wait for each
# other.
WORKERS ?= 4
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Where there is no NVIDIA card, torch comes without gigabytes of CUDA.
export TORCH_INDEX
INSTALL = $(PIP) install --quiet --constraint constraints.txt $$($(BIN)/python scripts/torch_index.py)

# chromium shows the pages; pulseaudio and pipewire (whose session manager needs a bus) have microphones that can be
# unplugged; pocketsphinx-testdata is recorded speech; systemd judges the unit files; zsh and fish complete; mandoc
# judges the man page; libfaketime sets the clock.
TEST_PACKAGES := libportaudio2 libasound2-plugins pulseaudio pulseaudio-utils pipewire pipewire-pulse wireplumber \
                 dbus-daemon chromium chromium-driver libnss3-tools pocketsphinx-testdata fonts-dejavu-core systemd \
                 zsh fish mandoc libfaketime

# Message brokers, which captions go over.
TEST_PACKAGES += redis-server nats-server mosquitto

# Servers of live streams: web radio, RTMP and HLS, SRT, and RTSP, whose server has no program but Python's bindings.
TEST_PACKAGES += icecast2 nginx-light libnginx-mod-rtmp ffmpeg python3-gi gir1.2-gst-rtsp-server-1.0 \
                 gstreamer1.0-plugins-base gstreamer1.0-plugins-good

# Formats and lints JavaScript and CSS. Biome comes from the npm registry; Deno, a wheel from PyPI, fetches and starts it,
# so neither node nor npm is needed. biome.lock has the checksums; after a new version here, write it without --frozen.
BIOME := DENO_DIR=.venv/deno $(BIN)/deno run --quiet --allow-all --no-config --frozen --lock=biome.lock \
         npm:@biomejs/biome@2.6.8

.PHONY: install run test test-unit lint format clean

install: .venv/installed

run: install
	@$(BIN)/streamstt run --or-sample $(ARGS)

test: .venv/installed-dev
	@scripts/packages --required $(TEST_PACKAGES)
	@$(MAKE) --no-print-directory lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

# Half a minute on two cores: neither torch nor a process, browser or device. For every few lines that you write.
test-unit: .venv/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -p tests.support.no_torch --numprocesses 2 --dist worksteal tests/unit $(ARGS)

lint: .venv/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIOME) check --error-on-warnings
	@! LC_ALL=C.UTF-8 grep -rnE '.{121}' --include=*.html --include=*.css --include=*.js streamstt

format: .venv/installed-dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIOME) check --write

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "streamstt needs Python 3.11 or newer; $(PYTHON) is `$(PYTHON) -V`. Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || scripts/packages --required python3-venv
	@$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml constraints.txt | .venv/bin/python
	@scripts/packages libportaudio2
	@echo "Installing streamstt into .venv; the first time this takes some minutes."
	@$(INSTALL) --editable .
	@touch $@

# In one step, and without compiling 15,000 modules, of which the tests import some: those are compiled when they are.
.venv/installed-dev: pyproject.toml constraints.txt | .venv/bin/python
	@scripts/packages libportaudio2
	@echo "Installing streamstt and its tests' tools into .venv; the first time this takes some minutes."
	@$(INSTALL) --no-compile --editable '.[dev]'
	@touch .venv/installed $@

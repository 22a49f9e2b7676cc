# SPDX-License-Identifier: Apache-2.0
# The front door: meson does the work.  `make help` lists what there is.
BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
RATE    ?= 1.0
CMD     ?= /usr/bin/python3 scripts/demo-log.py
LIB     := $(BUILD)/preload/libpfprof.so
MESON   ?= meson
export PYTHONDONTWRITEBYTECODE := 1

# A new or deleted file changes its folder's date, and the lists of tests are made at setup.
FOLDERS := $(wildcard test/preload test/targets test/e2e test/lib test/cli test/export)

.PHONY: all lib library command tests run check check-machine report-ui conform \
    check-sanitize bench bench-peers bench-lib bench-snapshot bench-samplers install \
    install-preload deb check-deb site docs format clean help bootstrap
.DEFAULT_GOAL := lib

# Builds libpfprof.so alone, so that the packages of `scripts/bootstrap --build` are enough.
lib: $(BUILD)/build.ninja
	@$(MESON) compile -C $(BUILD) pfprof:shared_library >$(BUILD)/compile.log || { cat $(BUILD)/compile.log; exit 1; }

all: lib library command

# pfprof and what it needs; with it, `make run` shows one summary with file and line.
command: $(BUILD)/with-library
	@$(MESON) compile -C $(BUILD) command >$(BUILD)/compile.log || \
	    { cat $(BUILD)/compile.log; exit 1; }

# libpf-profiling-1 for programs that link it; needs GLib (scripts/bootstrap).
library: $(BUILD)/with-library
	@$(MESON) compile -C $(BUILD) library >$(BUILD)/compile.log || \
	    { cat $(BUILD)/compile.log; exit 1; }

tests: $(BUILD)/with-tests
	@ninja -C $(BUILD) --quiet

$(BUILD)/build.ninja:
	@$(MESON) setup $(BUILD) -Dtests=false -Dlibrary=disabled --prefix=$(PREFIX) >/dev/null || \
	    { cat $(BUILD)/meson-logs/meson-log.txt; rm -rf $(BUILD)/build.ninja; exit 1; }

$(BUILD)/with-library: $(BUILD)/build.ninja
	@$(MESON) setup --reconfigure $(BUILD) -Dlibrary=enabled >$(BUILD)/setup.log || \
	    { cat $(BUILD)/setup.log; exit 1; }
	@touch $@

$(BUILD)/with-tests: $(BUILD)/with-library $(FOLDERS)
	@$(MESON) setup --reconfigure $(BUILD) -Dtests=true -Dintrospection=enabled >$(BUILD)/setup.log || \
	    { cat $(BUILD)/setup.log; exit 1; }
	@touch $@

run: export PF_CMD = $(value CMD)
run:
	@scripts/bootstrap --build
	@$(MAKE) --no-print-directory lib
	@if [ -f $(BUILD)/with-library ]; then \
	    $(MAKE) --no-print-directory command && \
	    exec $(BUILD)/lib/cli/pfprof run --rate $(RATE) -- sh -c "$$PF_CMD"; \
	else \
	    LD_PRELOAD="$${LD_PRELOAD:+$$LD_PRELOAD:}$(abspath $(LIB))" \
	    PROVIDE_PROFILING_ENABLED=true PROVIDE_PROFILING_SAMPLE_RATE=$(RATE) sh -c "$$PF_CMD"; \
	fi

check:
	@scripts/bootstrap
	@$(MAKE) --no-print-directory tests
	@scripts/run-tests $(BUILD)

# What time, load or luck decides, as a table; by hand and before a release.  ARGS="--list", "findings",
# "--smoke".
check-machine:
	@scripts/bootstrap
	@$(MAKE) --no-print-directory tests
	@scripts/check-machine $(ARGS)

# The page of `pfprof report --html`, anew from lib/report-ui.
report-ui:
	@scripts/report-ui --build

conform: lib
	@scripts/bootstrap --conform
	@python3 test/conform/run.py --lib $(abspath $(LIB)) $(ARGS)

# The tests of lib/ once more, with AddressSanitizer and UndefinedBehaviorSanitizer.
check-sanitize:
	@scripts/bootstrap
	@[ -f $(BUILD)-sanitize/build.ninja ] || $(MESON) setup $(BUILD)-sanitize -Dtests=true \
	    -Dlibrary=enabled -Dintrospection=disabled -Db_sanitize=address,undefined -Db_lundef=false \
	    >/dev/null
	@ninja -C $(BUILD)-sanitize --quiet
	@UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
	    scripts/run-tests $(BUILD)-sanitize --suite lib

bench bench-peers: lib
	@PF_LIB=$(abspath $(LIB)) PF_SRC=$(CURDIR) python3 \
	    test/bench/$(if $(filter bench-peers,$@),peers,run).py --lib $(abspath $(LIB)) $(ARGS)

# What one recorded message costs; ARGS= is the number of messages per thread.
bench-lib: tests
	@$(BUILD)/test/lib/bench-lib $(ARGS)

# What a snapshot of 1,000 sites and 256 threads costs; ARGS= is the number of sites of each thread.
bench-snapshot: tests
	@$(BUILD)/test/lib/bench-snapshot $(ARGS)

# What the samplers are worth: laws, traces of real programs, the budget; ARGS="--only git --seeds 5".
bench-samplers: tests
	@python3 test/bench/samplers.py --build $(BUILD) $(ARGS)

# Everything: libraries, headers, pkg-config and CMake files, command, man pages, completion.
install: $(BUILD)/with-library
	@[ "$$($(MESON) introspect $(BUILD) --buildoptions | python3 -c \
	    'import json, sys; print(*[o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"])')" \
	    = "$(PREFIX)" ] || $(MESON) setup --reconfigure $(BUILD) --prefix=$(PREFIX) >$(BUILD)/setup.log
	@DESTDIR=$(DESTDIR) $(MESON) install -C $(BUILD)

# libpfprof.so and <pf-profile.h> alone; needs no GLib.
install-preload: lib
	@install -D -m 644 $(LIB) $(DESTDIR)$(PREFIX)/lib/libpfprof.so
	@install -D -m 644 preload/pf-profile.h $(DESTDIR)$(PREFIX)/include/pf-profile.h
	@echo "installed $(DESTDIR)$(PREFIX)/lib/libpfprof.so, $(DESTDIR)$(PREFIX)/include/pf-profile.h"

deb:
	@scripts/bootstrap
	@scripts/build-deb

check-deb:
	@scripts/bootstrap
	@scripts/check-deb
	@scripts/check-deb --twice

# docs/ as a site, in build/site.
site: bootstrap
	@scripts/build-site $(BUILD)/site

docs:
	@scripts/gen-docs

format:
	@scripts/format

bootstrap:
	@scripts/bootstrap

clean:
	@rm -rf $(BUILD) $(BUILD)-sanitize build-clang build-deb build-mutants build-threads build-fuzz \
	    build-abi-*

help:
	@echo 'make                          build $(LIB)'
	@echo 'make library                  build libpf-profiling-1 (GLib); make all builds both'
	@echo 'make command                  build the command pfprof (GLib, elfutils, ncurses)'
	@echo 'make run                      install what building needs, build, and profile a small demo'
	@echo 'make run CMD="PROGRAM ..."    profile any other program; RATE=0.01 times one call in 100'
	@echo 'make check                    install what testing needs, build, run every test'
	@echo 'make conform                  foreign test suites bare and under the library, compared;'
	@echo '                              ARGS="--quick", "--only redis", "--list" (about 10 minutes)'
	@echo 'make check-sanitize           the tests of lib/ with AddressSanitizer and UBSan'
	@echo 'make check-machine            what time, load or luck decides: figures, errors, bars (an hour);'
	@echo '                              ARGS="--list", "turn_off", "--smoke"'
	@echo 'make report-ui                make the page of pfprof report --html anew (needs npm)'
	@echo 'make bench                    what the library costs; ARGS= goes to test/bench/run.py'
	@echo 'make bench-peers              the same work under the other tools that are installed'
	@echo 'make bench-lib                what a message recorded through libpf-profiling-1 costs'
	@echo 'make bench-snapshot           what reading a segment of 1,000 sites and 256 threads costs'
	@echo 'make bench-samplers           samplers on laws and on traces of real programs; writes an SVG'
	@echo 'make install DESTDIR= PREFIX= everything: libraries, headers, pfprof, man pages, completion'
	@echo 'make install-preload          libpfprof.so and <pf-profile.h> alone, without GLib'
	@echo 'make deb, make check-deb      Debian packages into build-deb/; built twice, checked, tried'
	@echo 'make site                     docs/ as pages in $(BUILD)/site'
	@echo 'make docs                     write docs/calls.md and docs/environment.md from the tables'
	@echo 'make format                   format the C sources'
	@echo 'make clean                    delete the build folders'

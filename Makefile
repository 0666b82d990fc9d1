# SPDX-License-Identifier: MIT
# Gordian. On a fresh Debian: `make demo`, `make check`. Everything that is built lies in build/.
#
#   make            libraries, programs, demos and benchmarks
#   make deps       install what the build and the tests need
#   make demo       a deadlock across real processes: found, explained, broken
#   make check      every test that a change must pass
#   make campaign   ten million messages over a thousand link faults (MESSAGES=, FAULTS=, SEED=)
#   make sim        random systems with random faults: SEED=, RUNS=, FAULTS=
#   make explore    small systems, every interleaving: SYSTEM=, SCHEDULE=
#   make fuzz       what takes bytes from outside, with bytes of libFuzzer's: FUZZ_SECONDS=
#   make mutants    deliberate faults, each of which the tests must catch: MUTANT=, RUNS=
#   make bench      the measurements; table on the terminal, numbers in build/bench.json
#   make lint       clang-format, cppcheck, and whether the mutants apply
#   make install    PREFIX=/usr/local DESTDIR=, and `make uninstall`
#   make clean
#
# CC, CFLAGS, CPPFLAGS and LDFLAGS may be given. FLAVOUR=asan (gcc, clang) builds into
# build/asan (...) with sanitizers (with warnings as errors); `make check` does all three.
# V=1 shows the commands.

# Use the cores, unless the caller said how many.
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc)
endif
MAKEFLAGS += --no-builtin-rules --no-print-directory

PREFIX     = /usr/local
BINDIR     = $(PREFIX)/bin
LIBDIR     = $(PREFIX)/lib
INCLUDEDIR = $(PREFIX)/include
MANDIR     = $(PREFIX)/share/man
DESTDIR    =
INSTALL    = install

VERSION := $(shell sed -n 's/^\#define GDN_VERSION "\(.*\)"/\1/p' include/gordian/base.h)
SOMAJOR := 0

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:

# ---- Packages ----

DEBIAN_PACKAGES := gcc g++ libc6-dev make pkg-config libzmq3-dev libigraph-dev libjansson-dev \
                   libcmocka-dev graphviz clang clang-format cppcheck iproute2 nftables

PACKAGES := libzmq igraph jansson \
            $(if $(filter tests objects sim explore campaign mutants fuzzers,$(MAKECMDGOALS)),cmocka)

compiling := $(filter-out deps demo check fuzz lint uninstall clean,$(or $(MAKECMDGOALS),all))
ifneq ($(compiling),)
missing := $(shell for package in $(PACKAGES); do \
                       pkg-config --exists $$package 2>/dev/null || echo $$package; done)
ifneq ($(strip $(missing)),)
$(error not found by pkg-config: $(strip $(missing)). "make deps" installs all that is needed)
endif
# As system headers, so that our warnings are about our code.
package_flags := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(PACKAGES)))
zmq_libs      := $(shell pkg-config --libs libzmq)
package_libs  := $(shell pkg-config --libs libzmq igraph jansson) -lm
endif

# ---- Flavours ----

CFLAGS  ?= -O2 -g
WARNINGS = -Wall -Wextra -Wpedantic -Wconversion -Wshadow
FLAVOUR  = plain
BUILD   := build$(if $(filter-out plain,$(FLAVOUR)),/$(FLAVOUR))

ifeq ($(FLAVOUR),asan)
CFLAGS = -O1 -g -fno-omit-frame-pointer
sanitize = -fsanitize=address,undefined -fno-sanitize-recover=all
else ifeq ($(FLAVOUR),fuzz)
override CC := clang
CFLAGS = -O1 -g -fno-omit-frame-pointer
sanitize = -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
else ifneq ($(filter gcc clang,$(FLAVOUR)),)
override CC := $(FLAVOUR)
override WARNINGS += -Werror
else ifneq ($(FLAVOUR),plain)
$(error FLAVOUR is plain, asan, gcc, clang or fuzz, not "$(FLAVOUR)")
endif

# Visibility is the linker's work (src/libgordian.map), for the detector's library shares some
# gdn__ functions with this one; -fno-semantic-interposition lets the compiler inline meanwhile.
compile = $(CC) -std=c11 -D_GNU_SOURCE -Iinclude -I. $(package_flags) $(WARNINGS) -pthread \
          -fPIC -fno-semantic-interposition $(sanitize) $(CPPFLAGS) $(CFLAGS)
link    = $(CC) -pthread $(sanitize) $(CFLAGS) $(LDFLAGS)

# How a command is announced: a word and a file; itself with V=1; not at all with make -s.
ifneq ($(V),1)
say = @$(if $(findstring s,$(firstword -$(MAKEFLAGS))),,printf '  %-4s %s\n' $(1) $@;)
endif

# ---- What is made of what ----

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

gordian_c  := $(wildcard src/core/*.c src/node/*.c)
detector_c := $(wildcard $(patsubst %,detector/%/*.c,analysis rounds cutfile render host))
gordiand_c := $(wildcard detector/service/*.c)
cli_c      := $(wildcard detector/cli/*.c)

# In these, a file with a main() is a program, and the others are helpers linked into each.
demos_c    := $(wildcard demos/*.c demos/*/*.c)
tests_c    := $(wildcard tests/*/*.c)
bench_c    := $(wildcard bench/*.c)
mains_c    := $(shell grep -lE '^int main\b' /dev/null $(demos_c) $(tests_c) $(bench_c))

programs_of = $(patsubst %.c,$(BUILD)/%,$(filter $(mains_c),$(1)))
helpers_of  = $(call objects,$(filter-out $(mains_c),$(1)))

archives  := $(BUILD)/libgordian-detector.a $(BUILD)/libgordian.a
shared    := $(archives:.a=.so)
programs  := $(if $(gordiand_c),$(BUILD)/gordiand) $(if $(cli_c),$(BUILD)/gordian)
demos     := $(call programs_of,$(demos_c))
tests     := $(call programs_of,$(tests_c))
benches   := $(call programs_of,$(bench_c))

all_objects := $(call objects,$(gordian_c) $(detector_c) $(gordiand_c) $(cli_c) \
                              $(demos_c) $(tests_c) $(bench_c))

.PHONY: all tests objects deps demo check sim explore campaign fuzz fuzzers mutants bench lint \
        install uninstall clean FORCE

all: $(archives) $(shared) $(programs) $(demos) $(benches)

tests: $(tests)

# For a second compiler's opinion: nothing is linked.
objects: $(all_objects)

# Object files, each with the headers it read. A change of compiler or flags makes all anew.
$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC)$(compile) -MMD -MP -c -o $@ $<

# These two change only when what they say does.
$(BUILD)/flags:   says = $(compile)
$(BUILD)/sources: says = $(all_objects)
$(BUILD)/flags $(BUILD)/sources: FORCE
	@mkdir -p $(@D)
	@echo '$(says)' | cmp -s - $@ || echo '$(says)' > $@

-include $(all_objects:.o=.d)

# Libraries.
$(BUILD)/libgordian.a:          $(call objects,$(gordian_c))
$(BUILD)/libgordian-detector.a: $(call objects,$(detector_c))
$(BUILD)/demos/helpers.a:       $(call helpers_of,$(demos_c))
$(BUILD)/tests/helpers.a:       $(call helpers_of,$(tests_c))
$(BUILD)/bench/helpers.a:       $(call helpers_of,$(bench_c))

$(BUILD)/%.a: $(BUILD)/sources
	@mkdir -p $(@D)
	@rm -f $@
	$(call say,AR)$(AR) qcs $@ $(filter %.o,$^)

$(BUILD)/libgordian.so:          $(call objects,$(gordian_c)) src/libgordian.map
$(BUILD)/libgordian-detector.so: $(call objects,$(detector_c)) detector/libgordian-detector.map
$(BUILD)/libgordian-detector.so: $(BUILD)/libgordian.so
$(BUILD)/libgordian.so:          needs = $(zmq_libs)
$(BUILD)/libgordian-detector.so: needs = $(package_libs)

$(BUILD)/%.so: $(BUILD)/sources
	$(call say,LD)$(link) -shared -Wl,-soname,$(@F).$(SOMAJOR) \
	    -Wl,--version-script,$(filter %.map,$^) -o $@ $(filter %.o %.so,$^) $(needs)
	@ln -sf $(@F) $@.$(SOMAJOR)

# Programs take the static libraries, so that they run from wherever they lie.
$(BUILD)/gordiand: $(call objects,$(gordiand_c))
$(BUILD)/gordian:  $(call objects,$(cli_c))
$(demos):   $(BUILD)/%: $(BUILD)/obj/%.o $(BUILD)/demos/helpers.a
$(benches): $(BUILD)/%: $(BUILD)/obj/%.o $(BUILD)/bench/helpers.a
$(tests):   $(BUILD)/%: $(BUILD)/obj/%.o $(BUILD)/tests/helpers.a
$(tests):   cmocka = $(shell pkg-config --libs cmocka)

# In this one malloc() fails when it is told to.
$(BUILD)/tests/unit/test_text_memory: override LDFLAGS += \
    $(foreach f,malloc calloc realloc strdup free,-Wl,--wrap=$f)

$(programs) $(demos) $(tests) $(benches): $(archives)
	@mkdir -p $(@D)
	$(call say,LD)$(link) -o $@ $(filter-out $(archives),$^) $(archives) $(cmocka) $(package_libs)

# ---- What people ask for ----

deps:
	@.ci/deps $(DEBIAN_PACKAGES)

demo: deps
	@$(MAKE) all
	@demos/run-demo

# tests/run builds each flavour, runs everything and counts; its last line is the result.
check: deps
	@MAKE='$(MAKE)' tests/run

# The traffic test of `make check`, only longer.
campaign: MESSAGES = 10000000
campaign: FAULTS   = 1000
campaign: all $(BUILD)/tests/system/test_traffic $(BUILD)/tests/support/puppet
	@GDN_BUILD=$(BUILD) GDN_TRAFFIC_MESSAGES=$(MESSAGES) GDN_TRAFFIC_FAULTS=$(FAULTS) \
	    $(if $(SEED),GDN_TRAFFIC_SEED=$(SEED)) $(BUILD)/tests/system/test_traffic

# The same program as in make check, without sanitizers: about ten times as fast. FAULTS are words
# here, and none of them means all.
sim:         SEED = 1
sim mutants: RUNS = 20000
sim: $(BUILD)/tests/sim/test_sim
	@GDN_SEED=$(SEED) GDN_RUNS=$(RUNS) GDN_FAULTS=$(FAULTS) $<

# The same program as in make check, with the systems that take a night there.
explore: $(BUILD)/tests/explore/test_explore
	@GDN_EXPLORE='$(or $(SYSTEM),all)' GDN_SCHEDULE='$(SCHEDULE)' $<

# What the programs that must catch them are linked from, and how.
judges := $(if $(filter mutants,$(MAKECMDGOALS)),$(shell tests/mutants/run --programs))

mutants: $(judges:%=$(BUILD)/tests/%)
	@GDN_BUILD=$(BUILD) GDN_RUNS=$(RUNS) GDN_COMPILE='$(compile)' GDN_LINK='$(link)' \
	    GDN_LIBS='$(shell pkg-config --libs cmocka) $(package_libs)' tests/mutants/run $(MUTANT)

# clang's, with its runtime; FUZZ_SECONDS are shared by the targets. What is found stays in
# build/fuzz/found, and what reached new code in build/fuzz/corpus.
FUZZ_SECONDS = 60
fuzzers := $(patsubst %,$(BUILD)/fuzz-%,frames detector cut document picture)

fuzz:
	@.ci/deps $(DEBIAN_PACKAGES) libclang-rt-14-dev
	@$(MAKE) FLAVOUR=fuzz fuzzers
	@tests/fuzz/run build/fuzz $(FUZZ_SECONDS)

fuzzers: $(fuzzers) $(BUILD)/tests/fuzz/write_seeds

$(fuzzers): $(BUILD)/fuzz-%: tests/fuzz/entry/libfuzzer.c $(BUILD)/tests/helpers.a $(archives)
	$(call say,LD)$(compile) -fsanitize=fuzzer -DFUZZ=fuzz_$* $(LDFLAGS) -o $@ $^ \
	    $(shell pkg-config --libs cmocka) $(package_libs)

bench: all
	@bench/run $(benches)

lint:
	@tests/lint

clean:
	rm -rf build

# ---- Installation ----

configs   := $(BUILD)/gordian.pc $(BUILD)/gordian-detector.pc
man_pages := $(wildcard docs/man/*.[1-9])

# What is installed, as "from:to".
installed = $(foreach h,$(wildcard include/gordian/*.h),$h:$(INCLUDEDIR)/gordian/$(notdir $h)) \
            $(foreach a,$(archives),$a:$(LIBDIR)/$(notdir $a)) \
            $(foreach s,$(shared),$s:$(LIBDIR)/$(notdir $s).$(VERSION)) \
            $(foreach c,$(configs),$c:$(LIBDIR)/pkgconfig/$(notdir $c)) \
            $(foreach p,$(programs),$p:$(BINDIR)/$(notdir $p)) \
            $(foreach m,$(man_pages),$m:$(MANDIR)/man$(subst .,,$(suffix $m))/$(notdir $m))

# libgordian.so and libgordian.so.0 point to libgordian.so.0.1.0.
links     = $(foreach s,$(notdir $(shared)),$(LIBDIR)/$s $(LIBDIR)/$s.$(SOMAJOR))

$(BUILD)/gordian.pc:          src/gordian.pc.in
$(BUILD)/gordian-detector.pc: detector/gordian-detector.pc.in
$(configs): FORCE
	@sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|' \
	     -e 's|@VERSION@|$(VERSION)|' $(filter %.in,$^) > $@

install: all $(configs)
	@set -e; for file in $(installed); do \
	    from=$${file%%:*} to="$(DESTDIR)$${file#*:}" mode=644; \
	    case $$to in "$(DESTDIR)$(BINDIR)"/*) mode=755;; esac; \
	    $(INSTALL) -D -m $$mode "$$from" "$$to"; echo "$$to"; \
	done; \
	for link in $(links); do \
	    to="$(DESTDIR)$$link"; \
	    ln -sf "$$(basename $${link%.so*}).so.$(VERSION)" "$$to"; echo "$$to"; \
	done

uninstall:
	@for file in $(installed) $(links); do rm -f "$(DESTDIR)$${file#*:}"; done
	@rmdir "$(DESTDIR)$(INCLUDEDIR)/gordian" 2>/dev/null || true

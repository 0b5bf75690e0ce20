# SPDX-License-Identifier: GPL-2.0
#
# `make help` tells what there is. The module itself is described to kbuild in
# Kbuild; this file is for people.

ARCH ?= x86_64
# KERNEL is another name of it. `make run` takes a kernel that need not be built.
FLAVOUR ?= $(or $(KERNEL),$(if $(filter run,$(MAKECMDGOALS)),debian,gki))
# What kbuild understands and is worth passing on.
KBUILD_ARGUMENTS := $(foreach v,CLIPPY W C V,$(if $($(v)),$(v)=$($(v))))

ifneq ($(KDIR),)
BUILD := scripts/module --kdir $(KDIR) $(if $(KSRC),--ksrc $(KSRC))
KBUILD_ARGUMENTS += $(foreach v,ARCH LLVM CROSS_COMPILE BINDGEN RUSTC,\
	$(if $(filter command environment,$(firstword $(origin $(v)))),$(v)=$($(v))))
else
BUILD := scripts/module
WHICH := $(ARCH) $(FLAVOUR)
endif

ifeq ($(origin KERNEL_SRC),command line)
# Kleaf's kernel_module() and other builds of modules call it so: M is this tree as seen from
# KERNEL_SRC, and what else kbuild needs stands on the command line. Without RUST_LIBRARY
# (scripts/rust_library) it makes a module that imports Rust symbols, and says so.
.PHONY: modules modules_install
modules modules_install:
	$(if $(RUST_LIBRARY),,$(warning RUST_LIBRARY is not set: the module will import Rust symbols, which a trimmed kernel does not export))
	$(MAKE) -C $(KERNEL_SRC) M=$(M) $(if $(RUST_LIBRARY),CONFIG_DEBUG_INFO_BTF_MODULES=,RUST_IMPORTS=y) $@
else
.PHONY: modules
modules: $(if $(KDIR),,ready)
	@ko=$$($(BUILD) $(WHICH) $(KBUILD_ARGUMENTS)) && scripts/imports -o $${ko%.ko}.imports $$ko && echo $$ko
endif

# `make setup` installs what is missing. So do the goals that run the tests and the
# demonstration; the others only check, and name what is missing.
.PHONY: setup ready
setup:
	@scripts/setup

ready:
	@scripts/setup --check --quiet

.PHONY: run
run: setup
	@tests/demo/run $(ARCH) $(FLAVOUR)

.PHONY: test
test: setup
	@scripts/test $(KERNELS)

.PHONY: bench
bench: setup
	@tests/bench/run && tests/bench/run --docs

# On an architecture, or for so many minutes: make test-hard ARCH=arm64 SOAK=60.
.PHONY: test-hard
test-hard: setup
	@tests/hard/run --arch $(ARCH) $(if $(SOAK),--soak $(SOAK)) $(if $(SEED),--seed $(SEED))

.PHONY: shell
shell: ready
	@scripts/module $(ARCH) $(FLAVOUR) >/dev/null
	@tools/fencectl/guest $(ARCH) build/shell/$(ARCH)
	@scripts/vm shell --arch $(ARCH) --kernel $(FLAVOUR) --params 'sw_sync=1' --add build/shell/$(ARCH)

.PHONY: fencectl
fencectl: ready
	@tools/fencectl/build $(ARCH)

.PHONY: rust-analyzer
rust-analyzer: ready
	@scripts/rust_analyzer $(ARCH) $(FLAVOUR)

.PHONY: doc
doc: ready
	@scripts/doc $(ARCH) $(FLAVOUR)

# What boots no guest: less than two minutes, once it has been built.
.PHONY: check
check: ready
	@scripts/check --quick

RUST_FILES = $(shell git ls-files '*.rs')

.PHONY: rustfmt rustfmtcheck
rustfmt rustfmtcheck:
	@rustfmt --edition 2021 --config-path $$(scripts/kernel/get)/.rustfmt.toml \
		--config skip_children=true $(if $(filter %check,$@),--check) $(RUST_FILES) 

.PHONY: clean
clean:
	rm -rf build rust-project.json

.PHONY: help
help:
	@echo 'make                  build the module, and list what it imports'
	@echo '  ARCH=x86_64|arm64   for which architecture (x86_64)'
	@echo '  FLAVOUR=gki|debug|debian  for which kernel: scripts/kernel/build and stock (gki)'
	@echo '  KDIR=DIR            for the kernel that was built in DIR, or its installed headers, instead'
	@echo '  KSRC=DIR            its source, if it is without CONFIG_RUST or built by another rustc'
	@echo '  CLIPPY=1 W=1 C=1    as for the kernel'
	@echo 'make setup            install what is missing; run, test, test-hard and bench do it by themselves,'
	@echo '                      the others only name it'
	@echo 'make run [ARCH=arm64] show the module at work in a virtual machine, on the kernel of Debian'
	@echo '  KERNEL=gki          on this kernel instead'
	@echo 'make check            form, lints and lists: what takes less than two minutes'
	@echo 'make test             run all tests, on both architectures'
	@echo '  KERNELS=x86_64-debian  on this kernel only, which need not be built: scripts/test has the list'
	@echo 'make test-hard        try to break it: fuzzing, faults, kills; see docs/testing.md'
	@echo '  SOAK=MINUTES        fuzz for so long; SEED=N draws other programs'
	@echo 'make bench            what the operations cost, next to the sw_sync of the kernel'
	@echo 'make fencectl         fencectl for ARCH, a static program, its man pages and completions'
	@echo 'make shell            a prompt in the virtual machine, with fencectl'
	@echo 'make rust-analyzer    write rust-project.json'
	@echo 'make doc              the documentation of the Rust crates'
	@echo 'make rustfmt          format; rustfmtcheck only looks'
	@echo 'make clean            remove build/'
	@echo
	@scripts/help
	@echo
	@echo 'What is downloaded and built once goes to $${FENCE_CACHE:-~/.cache/fence_exporter}.'
	@echo 'One program of your own in the guest: scripts/vm run --add DIR -- COMMAND'

# SPDX-License-Identifier: GPL-2.0
#
# `make help` lists the commands. Kbuild, not this file, describes the module to kbuild.

ARCH ?= x86_64
# FLAVOUR is another name of KERNEL. The default of `make run` is a kernel that is not built.
KERNEL ?= $(or $(FLAVOUR),$(if $(filter run,$(MAKECMDGOALS)),debian,gki))
# Variables that are passed on to kbuild.
KBUILD_ARGUMENTS := $(foreach v,CLIPPY W C V,$(if $($(v)),$(v)=$($(v))))

ifneq ($(KDIR),)
BUILD := scripts/module --kdir $(KDIR) $(if $(KSRC),--ksrc $(KSRC))
KBUILD_ARGUMENTS += $(foreach v,ARCH LLVM CROSS_COMPILE BINDGEN RUSTC,\
	$(if $(filter command environment,$(firstword $(origin $(v)))),$(v)=$($(v))))
else
BUILD := scripts/module
WHICH := $(ARCH) $(KERNEL)
endif

ifeq ($(origin KERNEL_SRC),command line)
# Kleaf's kernel_module() and other builds of modules call the Makefile in this way: M is the path of
# this tree relative to KERNEL_SRC, and the command line has the other settings of kbuild. Without
# RUST_LIBRARY (scripts/rust_library), the module imports Rust symbols, and make prints a warning.
.PHONY: modules modules_install
modules modules_install:
	$(if $(RUST_LIBRARY),,$(warning RUST_LIBRARY is not set: the module will import Rust symbols, which a trimmed kernel does not export))
	$(MAKE) -C $(KERNEL_SRC) M=$(M) $(if $(RUST_LIBRARY),CONFIG_DEBUG_INFO_BTF_MODULES=,RUST_IMPORTS=y) $@
else
.PHONY: modules
modules: $(if $(KDIR),,ready)
	@ko=$$($(BUILD) $(WHICH) $(KBUILD_ARGUMENTS)) && scripts/imports -o $${ko%.ko}.imports $$ko && echo $$ko
endif

# `make setup` installs missing packages. The goals that run tests or the demonstration install
# them, too. The other goals only name them.
.PHONY: setup ready
setup:
	@scripts/setup

ready:
	@scripts/setup --check --quiet

.PHONY: run
run:
	@scripts/setup --run $(ARCH)
	@tests/demo/run $(ARCH) $(KERNEL)

.PHONY: test
test: setup
	@scripts/test $(KERNELS)

.PHONY: bench
bench: setup
	@tests/bench/run && tests/bench/run --docs

# On arm64, fuzzing for an hour: make test-hard ARCH=arm64 SOAK=60.
.PHONY: test-hard
test-hard: setup
	@tests/hard/run --arch $(ARCH) $(if $(SOAK),--soak $(SOAK)) $(if $(SEED),--seed $(SEED))

.PHONY: shell
shell: ready
	@scripts/module $(ARCH) $(KERNEL) >/dev/null
	@tools/fencectl/guest $(ARCH) build/shell/$(ARCH)
	@scripts/vm shell --arch $(ARCH) --kernel $(KERNEL) --params 'sw_sync=1' --add build/shell/$(ARCH)

.PHONY: fencectl
fencectl: ready
	@tools/fencectl/build $(ARCH)

# Packages for Debian: the module for DKMS, and fencectl.
.PHONY: deb
deb:
	@scripts/deb

.PHONY: rust-analyzer
rust-analyzer: ready
	@scripts/rust_analyzer $(ARCH) $(KERNEL)

.PHONY: doc
doc: ready
	@scripts/doc $(ARCH) $(KERNEL)

# The checks that boot no guest. They take less than two minutes once everything is built.
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
	@echo '  KERNEL=gki|debug|debian  for which kernel: scripts/kernel/build and stock (gki)'
	@echo '  KDIR=DIR            for the kernel that was built in DIR, or its installed headers, instead'
	@echo '  KSRC=DIR            its source, if it has no CONFIG_RUST or was built by another rustc'
	@echo '  CLIPPY=1 W=1 C=1    as for the kernel'
	@echo 'make setup            install missing packages; run, test, test-hard and bench do so, too,'
	@echo '                      the other commands only name them'
	@echo 'make run [ARCH=arm64] show the module at work in a virtual machine, on the kernel of Debian'
	@echo '  KERNEL=gki          on this kernel instead'
	@echo 'make check            check form, lints and lists, in less than two minutes'
	@echo 'make test             run all tests, on both architectures'
	@echo '  KERNELS=x86_64-debian  on this kernel only, which is not built: scripts/test has the list'
	@echo 'make test-hard        try to break the module: fuzzing, faults, kills; see docs/testing.md'
	@echo '  SOAK=MINUTES        fuzz for this long; SEED=N makes other random programs'
	@echo 'make bench            what the operations cost, next to the sw_sync of the kernel'
	@echo 'make fencectl         fencectl for ARCH, a static program, its man pages and completions'
	@echo 'make deb              packages for Debian: the module for DKMS, and fencectl; see docs/debian.md'
	@echo 'make shell            a prompt in the virtual machine, with fencectl'
	@echo '  KERNEL=debian       on the kernel of Debian, which is not built'
	@echo '  scripts/vm attach   a second terminal in it'
	@echo 'make rust-analyzer    write rust-project.json'
	@echo 'make doc              the documentation of the Rust crates'
	@echo 'make rustfmt          format the Rust code; rustfmtcheck only checks it'
	@echo 'make clean            remove build/'
	@echo
	@scripts/help
	@echo
	@echo 'Downloads and kernels are kept in $${FENCE_CACHE:-~/.cache/fence_exporter}.'
	@echo 'To run your own program in the guest: scripts/vm run --add DIR -- COMMAND'

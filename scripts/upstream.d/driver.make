# SPDX-License-Identifier: GPL-2.0

obj-$(CONFIG_FENCE_EXPORTER) += fence_exporter.o
fence_exporter-y := main.o trace.o uapi/lib.o

# The ABI, by bindgen: a crate of its own, since the driver forbids unsafe code.
RUSTFLAGS_main.o = -L$(obj)/uapi --extern fence_uapi
$(obj)/main.o: $(obj)/uapi/lib.o

RUSTFLAGS_uapi/lib.o = --env-set RUST_OBJTREE=$(abspath $(obj)) \
	--emit=metadata=$(obj)/uapi/libfence_uapi.rmeta
$(obj)/uapi/lib.o: $(obj)/uapi/uapi_generated.rs

# The flags are kept whole otherwise: fixdep finds the dependency file by them.
bindgen_c_flags = $(filter-out $(CC_FLAGS_LTO),$(c_flags)) -w -fno-builtin -D__BINDGEN__

quiet_cmd_bindgen = BINDGEN $@
      cmd_bindgen = $(BINDGEN) $< --rust-target 1.85 --use-core --ctypes-prefix ffi \
	--no-layout-tests --no-debug '.*' --no-doc-comments --blocklist-type '__.*' \
	--allowlist-type 'fence_exporter_.*|sw_sync_.*' \
	--allowlist-var 'FENCE_EXPORTER_.*|SW_SYNC_.*|RUST_CONST_HELPER_.*' \
	--with-derive-custom-struct '.*=FromBytes,IntoBytes' \
	-o $@ -- $(bindgen_c_flags) -DMODULE ; \
	sed -Ei 's/pub const RUST_CONST_HELPER_([a-zA-Z0-9_]*)/pub const \1/g' $@

$(obj)/uapi/uapi_generated.rs: $(src)/uapi/uapi_helper.h FORCE
	$(call if_changed_dep,bindgen)

targets += uapi/uapi_generated.rs
clean-files += uapi/libfence_uapi.rmeta

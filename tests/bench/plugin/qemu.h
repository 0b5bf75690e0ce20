/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The functions of QEMU's plugin interface (version 1) that our plugins call.
 *
 * Distributions ship the interface with QEMU, but often not its header.
 */
#ifndef BENCH_PLUGIN_QEMU_H
#define BENCH_PLUGIN_QEMU_H

#include <stddef.h>
#include <linux/types.h>

#define EXPORTED __attribute__((visibility("default")))

/* Types of QEMU that plugins only pass back to QEMU. */
typedef __u64 qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

struct qemu_info {
	const char *target_name;
	struct {
		int min;
		int cur;
	} version;
	/* The real structure is longer. The rest is not used here. */
};

enum qemu_plugin_cb_flags {
	QEMU_PLUGIN_CB_NO_REGS,
};

enum qemu_plugin_op {
	QEMU_PLUGIN_INLINE_ADD_U64,
};

/* What a plugin must define. */
EXPORTED extern int qemu_plugin_version;
EXPORTED int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info,
				 int argc, char **argv);

/* QEMU calls @cb for each block of the guest's code that it translates. */
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
					   void (*cb)(qemu_plugin_id_t id,
						      struct qemu_plugin_tb *tb));
__u64 qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
__u64 qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

/* Before each execution of an instruction, QEMU calls a function or adds to a counter. */
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*cb)(unsigned int vcpu, void *data),
					    enum qemu_plugin_cb_flags flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn,
						enum qemu_plugin_op op, void *counter,
						__u64 addend);

#endif

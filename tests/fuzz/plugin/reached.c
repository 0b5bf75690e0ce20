// SPDX-License-Identifier: GPL-2.0
/*
 * A QEMU plugin that tells which code of the guest's kernel was reached, by whomever:
 * also by interrupts, which KCOV does not record.
 *
 *   -plugin reached.so,out=FILE
 *
 * Writes the address of each block of code, in hexadecimal digits and on a line of its
 * own, when QEMU translates it. QEMU translates what is about to run, and a block
 * ends with a call: so what is behind a call is listed if the call returned.
 */
#include <stdio.h>

#include "../../bench/plugin/output.h"
#include "../../bench/plugin/qemu.h"

int qemu_plugin_version = 1;

/* Written to by all processors: stdio has a lock. */
static FILE *out;

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	__u64 vaddr = qemu_plugin_tb_vaddr(tb);

	(void)id;
	if (vaddr >> 63)
		fprintf(out, "%llx\n", (unsigned long long)vaddr);
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
	(void)info;
	/* QEMU's end is an exit(), which flushes it. */
	out = output_open("reached.so", argc, argv);
	if (!out)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}

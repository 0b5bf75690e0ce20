// SPDX-License-Identifier: GPL-2.0
/*
 * A QEMU plugin that records which code of the guest's kernel was reached in any context.
 * KCOV does not record code that interrupts reach.
 *
 *   -plugin reached.so,out=FILE
 *
 * When QEMU translates a block of code, the plugin writes the address of the block in
 * hexadecimal digits, on a line of its own. QEMU translates a block right before it runs,
 * and a block ends with a call. So the code after a call is listed if the call returned.
 */
#include <stdio.h>

#include "../../bench/plugin/output.h"
#include "../../bench/plugin/qemu.h"

int qemu_plugin_version = 1;

/* All virtual processors write to this file. stdio has a lock for that. */
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
	/* QEMU ends by exit(), which flushes the file. */
	out = output_open("reached.so", argc, argv);
	if (!out)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * A QEMU plugin that counts how often each instruction of the guest's kernel ran
 * between the marks of the benchmark.
 *
 *   -plugin count.so,out=FILE
 *
 * For one processor. Writes at each REPORT:
 *
 *   region USER KERNEL          instructions that ran in each
 *   at ADDRESS COUNT [atomic]   for each instruction of the kernel that ran
 *   off BEGIN END LONGEST TIMES with interrupts off, by where that began
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "irqs.h"
#include "output.h"
#include "qemu.h"

#define BUCKETS	(1 << 16)

/* An instruction of the kernel, identified by its address. */
struct insn {
	struct insn *next;
	__u64 vaddr;
	enum kind kind;
	/* How often it ran: ever, until the mark BEGIN, and between the marks. */
	__u64 count;
	__u64 before;
	__u64 between;
};

int qemu_plugin_version = 1;

static enum kind (*decode)(const unsigned char *code, size_t size);
static FILE *out;
static struct insn *buckets[BUCKETS];
/* The sums for all instructions in user space and in the kernel. */
static struct insn user, kernel;

static struct insn *insn_at(__u64 vaddr, enum kind kind)
{
	struct insn **bucket = &buckets[(vaddr >> 1) % BUCKETS];
	struct insn *insn;

	for (insn = *bucket; insn; insn = insn->next)
		if (insn->vaddr == vaddr)
			break;
	if (!insn) {
		insn = calloc(1, sizeof(*insn));
		if (!insn)
			abort();
		insn->vaddr = vaddr;
		insn->next = *bucket;
		*bucket = insn;
	}
	/* The kernel patches its code. So the instruction at an address may change. */
	insn->kind = kind;
	return insn;
}

static void visit_insns(void (*visit)(struct insn *insn))
{
	struct insn *insn;
	unsigned int i;

	for (i = 0; i < BUCKETS; i++)
		for (insn = buckets[i]; insn; insn = insn->next)
			visit(insn);
}

static void begin_insn(struct insn *insn)
{
	insn->before = insn->count;
}

static void end_insn(struct insn *insn)
{
	insn->between += insn->count - insn->before;
}

static void report_insn(struct insn *insn)
{
	if (insn->between)
		fprintf(out, "at %llx %llu%s\n", (unsigned long long)insn->vaddr,
			(unsigned long long)insn->between,
			insn->kind == ATOMIC ? " atomic" : "");
	insn->between = 0;
}

static void begin(void)
{
	visit_insns(begin_insn);
	user.before = user.count;
	kernel.before = kernel.count;
	irqs_count(true);
}

static void end(void)
{
	visit_insns(end_insn);
	end_insn(&user);
	end_insn(&kernel);
	irqs_count(false);
}

static void report(void)
{
	fprintf(out, "region %llu %llu\n", (unsigned long long)user.between,
		(unsigned long long)kernel.between);
	visit_insns(report_insn);
	irqs_report(out);
	user.between = 0;
	kernel.between = 0;
	fflush(out);
}

/* Called before each instruction that is not PLAIN. */
static void executed(unsigned int vcpu, void *data)
{
	struct insn *insn = data;

	(void)vcpu;
	switch (insn->kind) {
	case MARK_BEGIN:
		begin();
		break;
	case MARK_END:
		end();
		break;
	case MARK_REPORT:
		report();
		break;
	default:
		irqs_follow(insn->kind, insn->vaddr, user.count + kernel.count);
	}
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (i = 0; i < n; i++) {
		struct qemu_plugin_insn *code = qemu_plugin_tb_get_insn(tb, i);
		__u64 vaddr = qemu_plugin_insn_vaddr(code);
		enum kind kind = decode(qemu_plugin_insn_data(code),
					qemu_plugin_insn_size(code));
		bool of_kernel = vaddr >> 63;
		struct insn *insn = NULL;

		if (of_kernel || kind > ATOMIC)
			insn = insn_at(vaddr, kind);
		if (kind > ATOMIC)
			qemu_plugin_register_vcpu_insn_exec_cb(code, executed,
							       QEMU_PLUGIN_CB_NO_REGS, insn);
		if (of_kernel)
			qemu_plugin_register_vcpu_insn_exec_inline(code, QEMU_PLUGIN_INLINE_ADD_U64,
								   &insn->count, 1);
		qemu_plugin_register_vcpu_insn_exec_inline(code, QEMU_PLUGIN_INLINE_ADD_U64,
							   of_kernel ? &kernel.count :
							   &user.count, 1);
	}
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
	if (!strcmp(info->target_name, "x86_64"))
		decode = decode_x86_64;
	else if (!strcmp(info->target_name, "aarch64"))
		decode = decode_aarch64;
	if (!decode) {
		fprintf(stderr, "count.so: for x86_64 and aarch64\n");
		return -1;
	}
	out = output_open("count.so", argc, argv);
	if (!out)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}

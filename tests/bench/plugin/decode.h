/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which instructions the counter looks at more closely.
 */
#ifndef BENCH_PLUGIN_DECODE_H
#define BENCH_PLUGIN_DECODE_H

#include <stdbool.h>
#include <stddef.h>

enum kind {
	PLAIN,
	/* Reads, changes and writes memory in one step, seen by all processors. */
	ATOMIC,
	/* Interrupts are off, or on, afterwards. */
	IRQ_OFF,
	IRQ_ON,
	/* The state of interrupts is read, to be saved; is put back (arm64). */
	IRQ_SAVE,
	IRQ_RESTORE,
	/* From user space to the kernel, and back from there or from an interrupt. */
	TO_KERNEL,
	FROM_KERNEL,
	/* The benchmark's marks around what it measures. */
	MARK_BEGIN,
	MARK_END,
	MARK_REPORT,
};

enum kind decode_x86_64(const unsigned char *code, size_t size);
enum kind decode_aarch64(const unsigned char *code, size_t size);

#endif

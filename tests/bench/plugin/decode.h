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
	/* Turns interrupts off, or on. */
	IRQ_OFF,
	IRQ_ON,
	/* Reads the state of interrupts to save it, or restores it (arm64). */
	IRQ_SAVE,
	IRQ_RESTORE,
	/* Enters the kernel from user space, or returns from the kernel or from an interrupt. */
	TO_KERNEL,
	FROM_KERNEL,
	/* The marks of the benchmark around the measured work. */
	MARK_BEGIN,
	MARK_END,
	MARK_REPORT,
};

enum kind decode_x86_64(const unsigned char *code, size_t size);
enum kind decode_aarch64(const unsigned char *code, size_t size);

#endif

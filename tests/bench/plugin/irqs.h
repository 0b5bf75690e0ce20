/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Follows whether interrupts are off, and for how many instructions.
 *
 * What is followed are the instructions that turn them off and on. On x86_64 the
 * kernel's local_irq_restore() branches to sti or not, so each change is seen. On
 * arm64 it writes a register that a plugin can't read: there saving and restoring
 * are taken to nest, as they must in C.
 *
 * Interrupts and exceptions turn them off without any instruction. What a handler
 * does until it returns is not counted, unless it turns them on itself. An interrupt
 * can't come while they are off, so it makes no stretch longer.
 */
#ifndef BENCH_PLUGIN_IRQS_H
#define BENCH_PLUGIN_IRQS_H

#include <stdbool.h>
#include <stdio.h>
#include <linux/types.h>

#include "decode.h"

/* The instruction at @vaddr, the @now-th of all, is about to run. */
void irqs_follow(enum kind kind, __u64 vaddr, __u64 now);
/* Whether the stretches that end are counted. */
void irqs_count(bool wanted);
/*
 * Writes a line for each place where they were turned off: the longest stretch and
 * how many; and forgets them.
 */
void irqs_report(FILE *out);

#endif

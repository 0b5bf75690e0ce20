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

/* Must be called before the instruction at @vaddr runs, which is the @now-th of all. */
void irqs_follow(enum kind kind, __u64 vaddr, __u64 now);
/* Sets whether stretches that end from now on are counted. */
void irqs_count(bool wanted);
/*
 * Writes a line for each place where interrupts were turned off, with the longest stretch and the
 * number of stretches. Then forgets all of them.
 */
void irqs_report(FILE *out);

#endif

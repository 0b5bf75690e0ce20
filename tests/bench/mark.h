/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Marks around what is measured: instructions that do nothing and occur nowhere
 * else, for a QEMU plugin to see. What runs between BEGIN and END, as often as they
 * come, adds up to what REPORT reports.
 */
#ifndef BENCH_MARK_H
#define BENCH_MARK_H

enum mark {
	BEGIN = 1,
	END,
	REPORT,
};

/* x86: nopl (MARK_X86 | mark)(%rax). arm64: movz xzr, #(MARK_ARM64 | mark). */
#define MARK_X86	0xfe9c0000
#define MARK_ARM64	0xfe90

static inline void mark(enum mark mark)
{
#if defined(__x86_64__)
	asm volatile(".byte 0x0f, 0x1f, 0x80\n\t.long %c0" : : "i"(MARK_X86 | mark) : "memory");
#elif defined(__aarch64__)
	asm volatile("movz xzr, %0" : : "i"(MARK_ARM64 | mark) : "memory");
#else
	(void)mark;
#endif
}

#endif

// SPDX-License-Identifier: GPL-2.0
#include <string.h>
#include <linux/types.h>

#include "../mark.h"
#include "decode.h"

static __u32 word(const unsigned char *code)
{
	__u32 value;

	memcpy(&value, code, sizeof(value));
	return value;
}

static bool is_legacy_prefix(unsigned char byte)
{
	return byte && strchr("\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3", byte);
}

static enum kind kind_of_mark(__u32 mark)
{
	switch (mark) {
	case BEGIN:
		return MARK_BEGIN;
	case END:
		return MARK_END;
	case REPORT:
		return MARK_REPORT;
	}
	return PLAIN;
}

/* Decodes an instruction of two bytes: 0f, then @code[0]. */
static enum kind decode_x86_0f(const unsigned char *code, size_t size)
{
	switch (code[0]) {
	case 0x05: /* syscall */
		return TO_KERNEL;
	case 0x07: /* sysret */
		return FROM_KERNEL;
	case 0x1f: /* nop */
		if (size == 6 && code[1] == 0x80)
			return kind_of_mark(word(code + 2) ^ MARK_X86);
	}
	return PLAIN;
}

enum kind decode_x86_64(const unsigned char *code, size_t size)
{
	size_t i = 0;

	for (; i < size && is_legacy_prefix(code[i]); i++)
		if (code[i] == 0xf0)
			return ATOMIC;
	/* REX */
	if (i < size && (code[i] & 0xf0) == 0x40)
		i++;
	if (i == size)
		return PLAIN;
	switch (code[i]) {
	case 0x86: /* xchg, which locks if one side is memory */
	case 0x87:
		return code[i + 1] >> 6 == 3 ? PLAIN : ATOMIC;
	case 0xcf: /* iret */
		return FROM_KERNEL;
	case 0xfa: /* cli */
		return IRQ_OFF;
	case 0xfb: /* sti */
		return IRQ_ON;
	case 0x0f:
		return decode_x86_0f(code + i + 1, size - i - 1);
	}
	return PLAIN;
}

static bool is_atomic_aarch64(__u32 insn)
{
	/* stxr, stlxr, stxp, stlxp: each ends a loop that began with a load. */
	if ((insn & 0x3fc00000) == 0x08000000 || (insn & 0xbfe00000) == 0x88200000)
		return true;
	/* cas, casp and their like */
	if ((insn & 0x3fa00000) == 0x08a00000 || (insn & 0xbfa00000) == 0x08200000)
		return true;
	/* ldadd, ldclr, ldset, swp, …; if bit 15 is set, only swp is atomic. */
	return (insn & 0x3f200c00) == 0x38200000 &&
	       (!(insn & 0x8000) || !(insn & 0x7000));
}

enum kind decode_aarch64(const unsigned char *code, size_t size)
{
	__u32 insn = word(code);

	(void)size;
	if ((insn & 0xffe0001f) == 0xd280001f) /* movz xzr */
		return kind_of_mark((insn >> 5 & 0xffff) ^ MARK_ARM64);
	if (insn == 0xd69f03e0) /* eret */
		return FROM_KERNEL;
	if ((insn & 0xffe0001f) == 0xd4000001) /* svc */
		return TO_KERNEL;
	if ((insn & 0xfffff2ff) == 0xd50342df) /* msr daifset, with the I bit */
		return IRQ_OFF;
	if ((insn & 0xfffff2ff) == 0xd50342ff) /* msr daifclr, with the I bit */
		return IRQ_ON;
	if ((insn & 0xffffffe0) == 0xd53b4220) /* mrs daif */
		return IRQ_SAVE;
	if ((insn & 0xffffffe0) == 0xd51b4220) /* msr daif */
		return IRQ_RESTORE;
	return is_atomic_aarch64(insn) ? ATOMIC : PLAIN;
}

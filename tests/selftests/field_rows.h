/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Values of the fields that a caller fills in, at the ends of their ranges, inside
 * and outside, and the answer to each.
 */
#ifndef SELFTEST_FIELD_ROWS_H
#define SELFTEST_FIELD_ROWS_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "fence.h"

/* So many fences have been created, and so many have signalled. */
#define CREATED		8
#define SIGNALLED	2

/* Values that are known only when the test runs. */
enum special {
	PLAIN,
	/* A field of the answer: whatever the caller leaves there means nothing. */
	ANSWER,
	MAX_TIMEOUT,
	MAX_TIMEOUT_AND_1,
	/* Of the array of descriptors. */
	MEMORY,
	READ_ONLY,
	HALF_MAPPED,
	/* Descriptors. */
	A_FENCE,
	A_TIMELINE,
	A_FILE,
};

struct row {
	const char *structure;
	const char *field;
	enum special special;
	__u64 value;
	const char *name;
	int answer;
};

#define ROW(structure, field, value, answer) \
	{ #structure, #field, PLAIN, (__u64)(value), NULL, answer }
#define NAME(text, answer) { "setup", "name", PLAIN, 0, text, answer }
#define SPECIAL(structure, field, special, answer) \
	{ #structure, #field, special, 0, NULL, answer }
#define UNUSED(structure, field) \
	{ #structure, #field, ANSWER, 0x5a5a5a5a5a5a5a5aULL, NULL, 0 }

static const struct row rows[] = {
	NAME("a", 0),
	NAME("0123456789012345678901234567890", 0),
	NAME("!~ ", 0),
	NAME("01234567890123456789012345678901", -EINVAL),
	NAME("", -EINVAL),
	NAME("unbound", -EINVAL),
	NAME("tab\t", -EINVAL),
	NAME("\x1f", -EINVAL),
	NAME("\x7f", -EINVAL),
	NAME("\x80", -EINVAL),
	NAME("\xff", -EINVAL),
	ROW(setup, timeout_ns, 0, 0),
	ROW(setup, timeout_ns, 1, 0),
	SPECIAL(setup, timeout_ns, MAX_TIMEOUT, 0),
	SPECIAL(setup, timeout_ns, MAX_TIMEOUT_AND_1, -EINVAL),
	ROW(setup, timeout_ns, INT64_MAX, -EINVAL),
	ROW(setup, timeout_ns, 1ULL << 63, -EINVAL),
	ROW(setup, timeout_ns, UINT64_MAX, -EINVAL),
	ROW(setup, flags, 0, 0),
	ROW(setup, flags, FENCE_EXPORTER_SETUP_EVENTS, 0),
	ROW(setup, flags, FENCE_EXPORTER_SETUP_ENGINE, 0),
	ROW(setup, flags, 3, 0),
	ROW(setup, flags, 4, -EINVAL),
	ROW(setup, flags, 1U << 31, -EINVAL),
	ROW(setup, flags, ~0U, -EINVAL),
	ROW(setup, pad, 1, -EINVAL),
	ROW(setup, pad, 1U << 31, -EINVAL),

	SPECIAL(create, fds, MEMORY, 0),
	ROW(create, fds, 0, -EFAULT),
	ROW(create, fds, 1ULL << 63, -EFAULT),
	ROW(create, fds, UINT64_MAX, -EFAULT),
	SPECIAL(create, fds, READ_ONLY, -EFAULT),
	SPECIAL(create, fds, HALF_MAPPED, -EFAULT),
	ROW(create, count, 1, 0),
	ROW(create, count, FENCE_EXPORTER_MAX_FENCES, 0),
	ROW(create, count, 0, -EINVAL),
	ROW(create, count, FENCE_EXPORTER_MAX_FENCES + 1, -EINVAL),
	ROW(create, count, 1U << 31, -EINVAL),
	ROW(create, count, ~0U, -EINVAL),
	ROW(create, flags, 1, -EINVAL),
	ROW(create, flags, 1U << 31, -EINVAL),
	UNUSED(create, first_seqno),

	ROW(signal, seqno, 0, 0),
	ROW(signal, seqno, SIGNALLED, 0),
	ROW(signal, seqno, CREATED, 0),
	ROW(signal, seqno, CREATED + 1, -EINVAL),
	ROW(signal, seqno, 1ULL << 32, -EINVAL),
	ROW(signal, seqno, UINT64_MAX, -EINVAL),
	ROW(signal, status, 0, 0),
	ROW(signal, status, -1, 0),
	ROW(signal, status, -4095, 0),
	ROW(signal, status, -4096, -EINVAL),
	ROW(signal, status, 1, -EINVAL),
	ROW(signal, status, INT32_MAX, -EINVAL),
	ROW(signal, status, INT32_MIN, -EINVAL),
	ROW(signal, flags, 1, -EINVAL),
	ROW(signal, flags, 1U << 31, -EINVAL),
	UNUSED(signal, signalled),

	ROW(signal_at, seqno, 0, 0),
	ROW(signal_at, seqno, CREATED, 0),
	ROW(signal_at, seqno, CREATED + 1, -EINVAL),
	ROW(signal_at, seqno, UINT64_MAX, -EINVAL),
	ROW(signal_at, time_ns, 0, 0),
	ROW(signal_at, time_ns, 1, 0),
	ROW(signal_at, time_ns, INT64_MAX, 0),
	ROW(signal_at, time_ns, 1ULL << 63, -EINVAL),
	ROW(signal_at, time_ns, UINT64_MAX, -EINVAL),
	ROW(signal_at, status, 0, 0),
	ROW(signal_at, status, -4095, 0),
	ROW(signal_at, status, -4096, -EINVAL),
	ROW(signal_at, status, 1, -EINVAL),
	ROW(signal_at, status, INT32_MIN, -EINVAL),
	ROW(signal_at, flags, 1, -EINVAL),
	ROW(signal_at, flags, 1U << 31, -EINVAL),

	ROW(submit, duration_ns, 0, 0),
	ROW(submit, duration_ns, INT64_MAX, 0),
	ROW(submit, duration_ns, UINT64_MAX, 0),
	ROW(submit, in_fence, -1, 0),
	SPECIAL(submit, in_fence, A_FENCE, 0),
	SPECIAL(submit, in_fence, A_TIMELINE, -EBADF),
	SPECIAL(submit, in_fence, A_FILE, -EBADF),
	ROW(submit, in_fence, -2, -EBADF),
	ROW(submit, in_fence, INT32_MAX, -EBADF),
	ROW(submit, in_fence, INT32_MIN, -EBADF),
	ROW(submit, status, 0, 0),
	ROW(submit, status, -4095, 0),
	ROW(submit, status, -4096, -EINVAL),
	ROW(submit, status, 1, -EINVAL),
	ROW(submit, status, INT32_MIN, -EINVAL),
	ROW(submit, flags, 1, -EINVAL),
	ROW(submit, flags, 1U << 31, -EINVAL),
	UNUSED(submit, out_fence),
	UNUSED(submit, seqno),
};

#endif

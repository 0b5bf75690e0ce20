/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Values of the input fields, at the ends of their ranges, inside and outside, and the
 * result of the call for each.
 */
#ifndef SELFTEST_FIELD_ROWS_H
#define SELFTEST_FIELD_ROWS_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "fence.h"

/* The number of fences that were created before the call, and how many of them have signaled. */
#define CREATED		8
#define SIGNALED	2

/* Values that are known only when the test runs. */
enum special {
	PLAIN,
	/* A field of the answer: the call ignores what the caller puts there. */
	ANSWER,
	MAX_TIMEOUT,
	MAX_TIMEOUT_AND_1,
	/* Addresses for the array of descriptors. */
	MEMORY,
	READ_ONLY,
	HALF_MAPPED,
	/* Arrays that hold one descriptor. */
	A_NUMBER,
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
/* The value is a descriptor in an array. */
#define FD(structure, field, value, answer) \
	{ #structure, #field, A_NUMBER, (__u64)(value), NULL, answer }
#define UNUSED(structure, field) \
	{ #structure, #field, ANSWER, 0x5a5a5a5a5a5a5a5aULL, NULL, 0 }

static const struct row rows[] = {
	NAME("", 0),
	NAME("a", 0),
	NAME("unbound", 0),
	NAME("0123456789012345678901234567890", 0),
	NAME("!~ ", 0),
	NAME("01234567890123456789012345678901", -EINVAL),
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
	/* event_mask, when flags does not ask for events. */
	ROW(setup, event_mask, 0, 0),
	ROW(setup, event_mask, 2, -EINVAL),
	ROW(setup, event_mask, 1U << 31, -EINVAL),

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
	ROW(signal, seqno, SIGNALED, 0),
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
	UNUSED(signal, signaled),

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
	/* 1 is FENCE_EXPORTER_SIGNAL_AT_CANCEL, which refuses a time. */
	ROW(signal_at, flags, 1, -EINVAL),
	ROW(signal_at, flags, 2, -EINVAL),
	ROW(signal_at, flags, 1U << 31, -EINVAL),
	UNUSED(signal_at, cancelled),

	ROW(submit, duration_ns, 0, 0),
	ROW(submit, duration_ns, INT64_MAX, 0),
	ROW(submit, duration_ns, UINT64_MAX, 0),
	SPECIAL(submit, in_fences, A_FENCE, 0),
	SPECIAL(submit, in_fences, A_TIMELINE, -EBADF),
	SPECIAL(submit, in_fences, A_FILE, -EBADF),
	FD(submit, in_fences, -1, -EBADF),
	FD(submit, in_fences, -2, -EBADF),
	FD(submit, in_fences, INT32_MAX, -EBADF),
	FD(submit, in_fences, INT32_MIN, -EBADF),
	ROW(submit, in_fences, 0, -EFAULT),
	ROW(submit, in_fences, 1ULL << 63, -EFAULT),
	ROW(submit, in_fences, UINT64_MAX, -EFAULT),
	/* If in_count is 0, the driver does not read in_fences. */
	ROW(submit, in_count, 0, 0),
	ROW(submit, in_count, 1, 0),
	ROW(submit, in_count, FENCE_EXPORTER_MAX_IN_FENCES, 0),
	ROW(submit, in_count, FENCE_EXPORTER_MAX_IN_FENCES + 1, -EINVAL),
	ROW(submit, in_count, 1U << 31, -EINVAL),
	ROW(submit, in_count, ~0U, -EINVAL),
	ROW(submit, status, 0, 0),
	ROW(submit, status, -4095, 0),
	ROW(submit, status, -4096, -EINVAL),
	ROW(submit, status, 1, -EINVAL),
	ROW(submit, status, INT32_MIN, -EINVAL),
	ROW(submit, flags, 1, -EINVAL),
	ROW(submit, flags, 1U << 31, -EINVAL),
	UNUSED(submit, out_fence),
	UNUSED(submit, seqno),

	ROW(export, seqno, 0, -EINVAL),
	/* Fence SIGNALED has signaled, so it can no longer be exported by its number. */
	ROW(export, seqno, SIGNALED, -ENOENT),
	ROW(export, seqno, SIGNALED + 1, 0),
	ROW(export, seqno, CREATED, 0),
	ROW(export, seqno, CREATED + 1, -EINVAL),
	ROW(export, seqno, UINT64_MAX, -EINVAL),
	ROW(export, flags, 1, -EINVAL),
	ROW(export, flags, 1U << 31, -EINVAL),
	UNUSED(export, fd),
};

#endif

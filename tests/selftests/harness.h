/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's harness, with a time limit of a test that grows with the slowness of the machine. */
#ifndef SELFTEST_HARNESS_H
#define SELFTEST_HARNESS_H

#include "kselftest_harness.h"
#include "process.h"

/* Runs after all tests have registered, and multiplies their time limits by the pace. */
static void __attribute__((constructor(KSELFTEST_PRIO_XFAIL + 1))) allow_for_pace(void)
{
	struct __fixture_metadata *fixture;
	struct __test_metadata *test;

	for (fixture = __fixture_list; fixture; fixture = fixture->next)
		for (test = fixture->tests; test; test = test->next)
			test->timeout *= machine_pace();
}

#endif

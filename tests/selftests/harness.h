/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's harness; a test may take the longer, the slower the machine is. */
#ifndef SELFTEST_HARNESS_H
#define SELFTEST_HARNESS_H

#include "kselftest_harness.h"
#include "process.h"

/* When the tests have registered themselves. */
static void __attribute__((constructor(KSELFTEST_PRIO_XFAIL + 1))) allow_for_pace(void)
{
	struct __fixture_metadata *fixture;
	struct __test_metadata *test;

	for (fixture = __fixture_list; fixture; fixture = fixture->next)
		for (test = fixture->tests; test; test = test->next)
			test->timeout *= machine_pace();
}

#endif

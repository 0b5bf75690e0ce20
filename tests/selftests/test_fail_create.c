// SPDX-License-Identifier: GPL-2.0
/*
 * CREATE unwinds the fences that it has emitted if it fails before it installs the
 * descriptors. It signals each fence before the last put, and nobody has seen the
 * fence. The trace events of dma_fence are enabled. The event of the last put must
 * show the names of the core, because the fence has signaled.
 *
 * Needs a kernel with fault injection: see Documentation/fault-injection.
 */
#include "fail.h"
#include "fence.h"
#include "harness.h"
#include "trace.h"

#define FENCES	4
/* More than the number of places that can fail in CREATE. */
#define MOST	500
#define EVENTS	(FENCES * 8)

FIXTURE(fail_create)
{
	int fail_nth;
};

FIXTURE_SETUP(fail_create)
{
	self->fail_nth = fail_open();
	if (self->fail_nth < 0)
		SKIP(return, "no fault injection in this kernel");
	if (trace_fences())
		SKIP(return, "this kernel traces no fences");
}

FIXTURE_TEARDOWN(fail_create)
{
	trace_stop();
}

/* Reads the events of the fences of one context into @events. Returns how many there are. */
static int read_context(unsigned int context, struct traced *events)
{
	struct traced all[EVENTS];
	int count = trace_read(NULL, all, ARRAY_SIZE(all));
	int found = 0;
	int i;

	for (i = 0; i < count; i++) {
		if (all[i].context == context)
			events[found++] = all[i];
	}
	return found;
}

/* Returns how many fences were initialized and unwound, or -1 if the events of one are wrong. */
static int taken_back(const struct traced *events, int count)
{
	int fences = trace_count(events, count, "init");
	int seqno;

	if (trace_count(events, count, "emit") ||
	    trace_count(events, count, "signaled") != fences ||
	    trace_count(events, count, "destroy") != fences)
		return -1;
	for (seqno = 1; seqno <= fences; seqno++) {
		int init = trace_find(events, count, "init", seqno);
		int signaled = trace_find(events, count, "signaled", seqno);
		int destroy = trace_find(events, count, "destroy", seqno);

		if (init < 0 || signaled < init || destroy < signaled ||
		    strcmp(events[destroy].timeline, "signaled-timeline"))
			return -1;
	}
	return fences;
}

TEST_F_TIMEOUT(fail_create, signaled_before_the_last_put, 390)
{
	int after_each[FENCES + 1] = {};
	int refused = 0;
	bool failed;
	int nth = 0;
	int i;

	do {
		int tl = timeline_new("failing", 0, 0);
		struct snapshot before = snapshot(tl);
		struct traced events[EVENTS];
		int fds[FENCES];
		int count, fences;
		__s64 ret;

		ASSERT_EQ(0, trace_fences());
		fail_arm(self->fail_nth, ++nth);
		ret = fence_create_many(tl, fds, FENCES);
		failed = fail_reached(self->fail_nth);
		fail_arm(self->fail_nth, 0);
		if (ret < 0) {
			refused++;
			count = read_context(before.info.context, events);
			fences = taken_back(events, count);
			ASSERT_LE(0, fences) {
				for (i = 0; i < count; i++)
					TH_LOG("place %d: %s %s %u", nth, events[i].name,
					       events[i].timeline, events[i].seqno);
			}
			ASSERT_GE(FENCES, fences);
			after_each[fences]++;
			ASSERT_TRUE(unchanged(tl, &before));
		} else {
			for (i = 0; i < FENCES; i++)
				close(fds[i]);
		}
		close(tl);
	} while (failed && nth < MOST);
	EXPECT_GT(MOST, nth);
	/*
	 * CREATE has failed both before the first fence and after the last fence was initialized.
	 */
	EXPECT_LT(0, after_each[0]);
	EXPECT_LT(0, after_each[FENCES]);
	ksft_print_msg("%d places, %d of them refuse the call\n", nth - 1, refused);
}

TEST_HARNESS_MAIN

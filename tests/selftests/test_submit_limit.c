// SPDX-License-Identifier: GPL-2.0
/*
 * F10: no fence is pending longer than max_timeout_ms, even if many jobs are queued before
 * its job. The test loads the module with a short max_timeout_ms.
 */
#include "fence.h"
#include "harness.h"
#include "module.h"

#define MS(n)		((n) * NSEC_PER_MSEC)
#define JOBS		10
#define DURATION	MS(250)
#define LIMIT		MS(800)

FIXTURE(submit_limit)
{
};

FIXTURE_SETUP(submit_limit)
{
	if (!getenv("FENCE_KO"))
		SKIP(return, "FENCE_KO doesn't name the module's file");
	ASSERT_TRUE(module_is_loaded());
	module_params();
	ASSERT_EQ(0, module_remove());
	ASSERT_EQ(0, module_load("timeout_ms=300 max_timeout_ms=800"));
}

FIXTURE_TEARDOWN(submit_limit)
{
	if (module_is_loaded())
		EXPECT_EQ(0, module_remove());
	EXPECT_EQ(0, module_load(module_params()));
}

TEST_F(submit_limit, a_queue_of_jobs)
{
	int tl = timeline_new("queue", 0, FENCE_EXPORTER_SETUP_ENGINE);
	__u64 begin[JOBS], end[JOBS];
	int fds[JOBS], i;

	ASSERT_LE(0, tl);
	for (i = 0; i < JOBS; i++) {
		begin[i] = now_ns();
		fds[i] = fence_submit(tl, DURATION, -1, 0);
		end[i] = now_ns();
		ASSERT_LE(0, fds[i]);
	}
	ASSERT_EQ(1, fence_wait(fds[JOBS - 1], LONG_MS));
	for (i = 0; i < JOBS; i++) {
		__u64 time = fence_time(fds[i]);

		EXPECT_GE(end[i] + LIMIT, time);
		/*
		 * The first jobs have enough time to run. The last ones reach the limit before they
		 * end.
		 */
		if (begin[0] + (i + 1) * DURATION > end[i] + LIMIT) {
			EXPECT_EQ(-ETIMEDOUT, fence_status(fds[i]));
			EXPECT_LE(begin[i] + LIMIT, time);
		}
		close(fds[i]);
	}
	EXPECT_EQ(0, timeline_state(tl).pending);
	/* The engine still runs jobs. */
	fds[0] = fence_submit(tl, MS(1), -1, 0);
	EXPECT_EQ(1, fence_wait(fds[0], LONG_MS));
	EXPECT_EQ(1, fence_status(fds[0]));
	close(fds[0]);
	close(tl);
}

TEST_HARNESS_MAIN

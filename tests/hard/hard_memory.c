// SPDX-License-Identifier: GPL-2.0
/*
 * Checks that all memory is freed. The program repeats rounds of the same work in a
 * control group of its own. After each round it waits for RCU to free memory (the module
 * `barrier`), and reads how much memory is in use. Caches are full after the first
 * rounds. Each round opens ROUND timelines. So if each timeline leaks a structure, the
 * figure grows by ROUND times its size in every round.
 */
#include <fcntl.h>
#include <stdlib.h>

#include "fence.h"
#include "guest.h"
#include "harness.h"
#include "sw_sync.h"

#define ROUNDS		10
#define WARM		3
#define ROUND		400
/* The total number of GET_DEADLINE calls for a fence of another driver. */
#define DEADLINES	1000000
/* Allows 32 bytes for each timeline and round. */
#define MOST_GROWTH	(ROUND * 32LL * (ROUNDS - WARM))

static int drain(int tl)
{
	struct fence_exporter_event event;
	int ret;

	while ((ret = timeline_event(tl, &event, 0)) == 1)
		;
	return ret;
}

/* Ends fences in every way, and allocates every kind of object. */
static int live(void)
{
	int tl = timeline_new("round", NSEC_PER_MSEC, FENCE_EXPORTER_SETUP_EVENTS);
	int engine = timeline_new("engine", 0, FENCE_EXPORTER_SETUP_ENGINE);
	int compat = sw_sync_open(SW_SYNC_DEVICE);
	int fds[16];
	int out[3];
	int i;

	if (tl < 0 || engine < 0 || compat < 0)
		return -1;
	if (fence_create_many(tl, fds, 16) != 1 || fence_wait(fds[4], 0) < 0 ||
	    fence_signal_at(tl, 12, now_ns() + 3600 * NSEC_PER_SEC, 0))
		return -2;
	fence_signal(tl, 2, -EIO);
	out[0] = fence_submit(engine, 0, -1, 0);
	out[1] = fence_submit(engine, NSEC_PER_SEC, fds[9], 0);
	out[2] = fence_merge(fds[10], sw_sync_create(compat, 5));
	for (i = 0; i < 3; i++)
		if (out[i] < 0)
			return -3;
	sw_sync_inc(compat, 1);
	if (drain(tl) < 0)
		return -4;
	/* Some timelines are closed before their timeout ends, and some after. */
	close_range(16, ~0U, 0);
	return 0;
}

/*
 * Calls GET_DEADLINE for a fence of another driver, and for a fence of another timeline of the
 * node, which the driver looks up by its number. If the driver did not put its reference to the
 * fence, or to the timeline that it has found, memory would not be freed.
 */
static int ask_for_deadlines(void)
{
	int compat = sw_sync_open(SW_SYNC_DEVICE);
	int foreign = fence_create(timeline_open());
	int known = sw_sync_create(sw_sync_open(SW_SYNC_DEVICE), 5);
	__u64 deadline;
	int i;

	if (compat < 0 || foreign < 0 || known < 0 || fence_set_deadline(known, 12345))
		return -1;
	for (i = 0; i < DEADLINES / ROUND / ROUNDS; i++) {
		if (sw_sync_deadline(compat, foreign, &deadline) != -EINVAL)
			return -2;
		if (i % 16)
			continue;
		if (sw_sync_deadline(compat, known, &deadline) || deadline != 12345)
			return -3;
	}
	close_range(16, ~0U, 0);
	return 0;
}

FIXTURE(memory)
{
	char path[128];
	char stat[160];
};

FIXTURE_SETUP(memory)
{
	if (!rcu_settle())
		SKIP(return, "the module `barrier` is not loaded");
	if (access(SW_SYNC_DEVICE, F_OK))
		SKIP(return, SW_SYNC_DEVICE " is not there: load with sw_sync=1");
	ASSERT_EQ(0, cgroup_new(self->path, sizeof(self->path)));
	snprintf(self->stat, sizeof(self->stat), "%s/memory.stat", self->path);
	ASSERT_EQ(0, cgroup_enter(self->path));
	/* Fills the descriptors below 16. Everything from 16 on is closed after each round. */
	close_range(16, ~0U, 0);
	while (dup(0) < 15)
		;
}

FIXTURE_TEARDOWN(memory)
{
	cgroup_enter(CGROUP_ROOT);
	rmdir(self->path);
}

/* Returns how many bytes of slabs belong to the group. in_machine() does this for the machine. */
static long long in_group(const char *stat)
{
	return file_value(stat, "slab ");
}

static long long in_machine(void)
{
	return 1024 * (file_value("/proc/meminfo", "SUnreclaim:") +
		       file_value("/proc/meminfo", "Percpu:"));
}

static void expect_to_return(struct __test_metadata *_metadata, const char *stat,
			     int (*work)(void))
{
	long long group = 0, machine = 0;
	int round;

	for (round = 0; round < ROUNDS; round++) {
		int i;

		for (i = 0; i < ROUND; i++)
			ASSERT_EQ(0, work());
		ASSERT_TRUE(rcu_settle());
		/* The kernel updates the statistics of groups every 2 s. */
		sleep_ms(2500);
		ksft_print_msg("round %d: %lld bytes in the group, %lld in the machine\n", round,
			       in_group(stat), in_machine());
		if (round == WARM - 1) {
			group = in_group(stat);
			machine = in_machine();
			ASSERT_LT(0, group);
			ASSERT_LT(0, machine);
		}
	}
	EXPECT_GT(MOST_GROWTH, in_group(stat) - group);
	EXPECT_GT(2 * MOST_GROWTH, in_machine() - machine);
}

TEST_F_TIMEOUT(memory, returns, 900)
{
	expect_to_return(_metadata, self->stat, live);
}

TEST_F_TIMEOUT(memory, foreign_deadlines, 900)
{
	expect_to_return(_metadata, self->stat, ask_for_deadlines);
	ksft_print_msg("%d deadlines of foreign fences\n", DEADLINES);
}

TEST_HARNESS_MAIN

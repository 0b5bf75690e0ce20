// SPDX-License-Identifier: GPL-2.0
/*
 * Loads and removes the module HARD_CYCLES times (1000), while descriptors of its
 * fences stay open and other processes try to use it.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "fence.h"
#include "guest.h"
#include "module.h"
#include "harness.h"

/* This many descriptors of earlier lives of the module are open at any time. */
#define HELD	60
#define FENCES	3

FIXTURE(module)
{
};

FIXTURE_SETUP(module)
{
	if (!getenv("FENCE_KO"))
		SKIP(return, "FENCE_KO doesn't name the module's file");
	ASSERT_TRUE(module_is_loaded());
}

FIXTURE_TEARDOWN(module)
{
	if (!module_is_loaded())
		EXPECT_EQ(0, module_load(module_params()));
}

static bool is_detached(int fd, int status)
{
	struct sync_fence_info fence;

	return !fence_describe(fd, &fence) && fence.status == status &&
	       !strcmp(fence.obj_name, "signaled-timeline") &&
	       !strcmp(fence.driver_name, "detached-driver");
}

/* One life of the module: one fence signals, one fails, and the close completes the last one. */
static int live(int *fds)
{
	int tl = timeline_new("life", 0, FENCE_EXPORTER_SETUP_EVENTS);

	if (tl < 0)
		return tl;
	if (fence_create_many(tl, fds, FENCES) != 1 || fence_signal(tl, 1, 0) != 1 ||
	    fence_signal(tl, 2, -EIO) != 1)
		return -EPROTO;
	/* The module is in use, so it can't be removed. */
	if (module_remove() != -EWOULDBLOCK)
		return -EPROTO;
	close(tl);
	return module_remove();
}

TEST_F_TIMEOUT(module, removed_with_descriptors_open, 3600)
{
	static const int statuses[FENCES] = { 1, -EIO, -ECANCELED };
	unsigned long cycles = wanted("HARD_CYCLES", 1000);
	int held[HELD];
	unsigned long i;
	int j;

	for (j = 0; j < HELD; j++)
		held[j] = -1;
	for (i = 0; i < cycles; i++) {
		int *fds = &held[i * FENCES % HELD];

		for (j = 0; j < FENCES; j++)
			if (fds[j] >= 0)
				close(fds[j]);
		ASSERT_EQ(0, live(fds)) TH_LOG("life %lu", i);
		ASSERT_FALSE(module_is_loaded());
		for (j = 0; j < HELD && held[j] >= 0; j++)
			ASSERT_TRUE(is_detached(held[j], statuses[j % FENCES]));
		ASSERT_EQ(0, module_load(module_params()));
		if (i % 200 == 199)
			ksft_print_msg("%lu lives\n", i + 1);
	}
}

static atomic_bool enough;

static void *open_and_close(void *opened)
{
	while (!atomic_load(&enough)) {
		int tl = timeline_open();

		if (tl < 0) {
			/* The node does not exist, or the module is being removed. */
			if (tl != -ENOENT && tl != -ENODEV && tl != -ENXIO)
				return (void *)(long)tl;
			continue;
		}
		fence_create(tl);
		close(tl);
		/* Sometimes waits for long enough that the module can be removed. */
		usleep(atomic_fetch_add((atomic_ulong *)opened, 1) % 4 * 100);
	}
	return NULL;
}

/* A process that opens the node while the module is removed gets a timeline or an error. */
TEST_F_TIMEOUT(module, removed_while_others_open_it, 3600)
{
	unsigned long cycles = wanted("HARD_CYCLES", 1000) / 10;
	atomic_ulong opened = 0;
	unsigned long removed = 0;
	unsigned long refused = 0;
	pthread_t thread;
	void *answer;

	ASSERT_EQ(0, allow_fds(65536));
	ASSERT_EQ(0, pthread_create(&thread, NULL, open_and_close, &opened));
	while (removed < cycles) {
		int ret = module_remove();

		if (ret == -EWOULDBLOCK || ret == -EBUSY) {
			refused++;
			sched_yield();
			continue;
		}
		ASSERT_EQ(0, ret);
		removed++;
		ASSERT_EQ(0, module_load(module_params()));
		/* Closes the descriptors of the fences that the other thread has created. */
		close_range(64, ~0U, 0);
	}
	atomic_store(&enough, true);
	ASSERT_EQ(0, pthread_join(thread, &answer));
	EXPECT_EQ(NULL, answer) TH_LOG("open answers %ld", (long)answer);
	ksft_print_msg("%lu removals, %lu refused, %lu timelines opened\n", removed, refused,
		       atomic_load(&opened));
	EXPECT_EQ(cycles, removed);
	EXPECT_LT(0, atomic_load(&opened));
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * What several threads do to one timeline of the node that is compatible with the kernel's
 * sw_sync, and of the kernel's.
 */
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "fence.h"
#include "harness.h"
#include "sw_sync.h"
#include "sw_sync_both.h"

/* As many fences as one INC takes a while to signal. */
#define MANY		8000
/* Rounds of a test, and the time after which no further one begins. */
#define ROUNDS		20
#define ROUNDS_NS	(20 * NSEC_PER_SEC)

static int fences[MANY];
static int count;

static void close_many(void)
{
	int i;

	for (i = 0; i < count; i++)
		close(fences[i]);
}

static bool goes_on(int round, __u64 begin)
{
	return round < ROUNDS && (!round || now_ns() - begin < ROUNDS_NS);
}

/* An INC by another thread. */
struct step {
	pthread_t thread;
	int tl;
	__u32 by;
	int ret;
};

static void *take_step(void *arg)
{
	struct step *step = arg;

	step->ret = sw_sync_inc(step->tl, step->by);
	return NULL;
}

/* Begins a step of twice MANY over as many fences, and returns while it is under way. */
static int begin_step(struct step *step, int round)
{
	int ret;

	step->by = 2 * MANY;
	count = sw_sync_create_many(step->tl, 1, fences, MANY);
	if (count < 0)
		return count;
	ret = -pthread_create(&step->thread, NULL, take_step, step);
	while (!ret && fence_status(fences[count / ROUNDS * round]) == 0)
		;
	return ret;
}

/* An INC that has returned has left nothing pending that it reached, whatever others are at. */
TEST_F_TIMEOUT(sw_sync, step_beside_a_step, 120)
{
	__u64 begin = now_ns();
	int round;

	ASSERT_EQ(0, allow_fds(MANY + 64));
	for (round = 0; goes_on(round, begin); round++) {
		struct step step = { .tl = sw_sync_open(variant->path) };
		int beyond = sw_sync_create(step.tl, 2 * MANY + 1000);

		ASSERT_EQ(0, begin_step(&step, round));
		EXPECT_EQ(0, sw_sync_inc(step.tl, INT_MAX));
		EXPECT_EQ(1, fence_status(fences[count - 1]));
		ASSERT_EQ(1, fence_status(beyond)) {
			TH_LOG("in round %d", round);
		}
		EXPECT_EQ(0, pthread_join(step.thread, NULL));
		EXPECT_EQ(0, step.ret);
		close_many();
		close(beyond);
		close(step.tl);
	}
}

/* A fence that has signalled when it is created follows all that are before it. */
TEST_F_TIMEOUT(sw_sync, reached_beside_a_step, 120)
{
	__u64 begin = now_ns();
	int round;

	ASSERT_EQ(0, allow_fds(MANY + 64));
	for (round = 0; goes_on(round, begin); round++) {
		struct step step = { .tl = sw_sync_open(variant->path) };
		int reached;

		ASSERT_EQ(0, begin_step(&step, round));
		reached = sw_sync_create(step.tl, 2 * MANY);
		EXPECT_EQ(1, fence_status(reached));
		ASSERT_EQ(1, fence_status(fences[count - 1])) {
			TH_LOG("in round %d", round);
		}
		EXPECT_LE(fence_time(fences[count - 1]), fence_time(reached));
		EXPECT_EQ(0, pthread_join(step.thread, NULL));
		close_many();
		close(reached);
		close(step.tl);
	}
}

/* What the threads of creators_with_signals have. */
static struct {
	int tl;
	atomic_uint value;
	atomic_bool stop;
} shared;

static void *create_until_stopped(void *arg)
{
	unsigned long *refused = arg;

	while (!shared.stop) {
		/*
		 * Lower ones than before, so that those that are pending are sorted. One that
		 * is there already ends the thread's turn at once.
		 */
		int fd = sw_sync_create(shared.tl, INT_MAX - shared.value++ / 4);

		if (fd >= 0)
			close(fd);
		else if (fd != -EINTR)
			++*refused;
	}
	return NULL;
}

/* Signals end the wait of some, and all others get their turn. */
TEST_F_TIMEOUT(sw_sync, creators_with_signals, 120)
{
	enum { THREADS = 16, SIGNALS = 4000 };
	unsigned long refused[THREADS] = {};
	pthread_t threads[THREADS];
	int i;

	ASSERT_EQ(0, catch_signal(SIGUSR1));
	shared.tl = self->tl;
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, create_until_stopped,
					    &refused[i]));
	for (i = 0; i < SIGNALS; i++)
		pthread_kill(threads[i % THREADS], SIGUSR1);
	shared.stop = true;
	for (i = 0; i < THREADS; i++) {
		EXPECT_EQ(0, pthread_join(threads[i], NULL));
		EXPECT_EQ(0, refused[i]);
	}
	EXPECT_LE(0, sw_sync_create(self->tl, 1));
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Several threads call one timeline of /dev/sw_sync, and one of the kernel's sw_sync.
 */
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "fence.h"
#include "harness.h"
#include "sw_sync.h"
#include "sw_sync_both.h"

/* So many fences that one INC takes a while to signal them. */
#define MANY		8000
/* The number of rounds. No round begins after ROUNDS_NS. */
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

/* An INC call in another thread. */
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

/* Starts an INC by 2 * MANY over up to MANY fences. Returns while the INC still signals them. */
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

/*
 * F1 of docs/testing.md: when INC returns, all fences that it has reached have signaled, whatever
 * other threads do.
 */
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

/*
 * F1 of docs/testing.md: a fence whose value was already reached when it was created signals after
 * all fences before it.
 */
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

/* The data of the threads of creators_with_signals. */
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
		 * Each fourth value is new and lower than the previous ones, so that pending fences
		 * are sorted. For the values between, a fence exists already, and the thread's turn
		 * ends at once.
		 */
		int fd = sw_sync_create(shared.tl, INT_MAX - shared.value++ / 4);

		if (fd >= 0)
			close(fd);
		else if (fd != -EINTR)
			++*refused;
	}
	return NULL;
}

/* Signals interrupt the waits of some threads. All other threads must get their turn. */
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

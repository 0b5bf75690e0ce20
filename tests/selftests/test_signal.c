// SPDX-License-Identifier: GPL-2.0
/* SIGNAL: signals all fences up to a number, in order, with a status. */
#include <limits.h>
#include <pthread.h>
#include <sched.h>

#include "fence.h"
#include "harness.h"

#define COUNT	10

FIXTURE(signal)
{
	int fds[COUNT];
	int tl;
};

FIXTURE_SETUP(signal)
{
	self->tl = timeline_open();
	ASSERT_LE(0, self->tl);
	ASSERT_EQ(1, fence_create_many(self->tl, self->fds, COUNT));
}

FIXTURE_TEARDOWN(signal)
{
	close(self->tl);
}

TEST_F(signal, up_to)
{
	struct fence_exporter_info info;
	int i;

	EXPECT_EQ(4, fence_signal(self->tl, 4, 0));
	for (i = 0; i < COUNT; i++) {
		EXPECT_EQ(i < 4 ? 1 : 0, fence_status(self->fds[i]));
		EXPECT_EQ(i < 4 ? 1 : 0, fence_wait(self->fds[i], 0));
	}
	info = timeline_state(self->tl);
	EXPECT_EQ(4, info.signaled_seqno);
	EXPECT_EQ(4, info.signaled);
	EXPECT_EQ(6, info.pending);
	EXPECT_EQ(COUNT, info.last_seqno);

	EXPECT_EQ(6, fence_signal(self->tl, COUNT, 0));
	info = timeline_state(self->tl);
	EXPECT_EQ(COUNT, info.signaled_seqno);
	EXPECT_EQ(0, info.pending);
}

TEST_F(signal, in_order_of_time)
{
	__u64 last = now_ns();
	__u64 end;
	int i;

	EXPECT_EQ(COUNT, fence_signal(self->tl, COUNT, 0));
	end = now_ns();
	for (i = 0; i < COUNT; i++) {
		EXPECT_LE(last, fence_time(self->fds[i]));
		last = fence_time(self->fds[i]);
	}
	EXPECT_LE(last, end);
}

TEST_F(signal, with_error)
{
	int i;

	EXPECT_EQ(3, fence_signal(self->tl, 3, -EIO));
	EXPECT_EQ(2, fence_signal(self->tl, 5, 0));
	EXPECT_EQ(1, fence_signal(self->tl, 6, -1));
	EXPECT_EQ(1, fence_signal(self->tl, 7, -4095));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(-EIO, fence_status(self->fds[i]));
	EXPECT_EQ(1, fence_status(self->fds[3]));
	EXPECT_EQ(1, fence_status(self->fds[4]));
	EXPECT_EQ(-1, fence_status(self->fds[5]));
	EXPECT_EQ(-4095, fence_status(self->fds[6]));
	EXPECT_EQ(0, fence_status(self->fds[7]));
	EXPECT_EQ(7, timeline_state(self->tl).signaled);
}

TEST_F(signal, refuses_status)
{
	static const int bad[] = { 1, EIO, INT_MAX, -4096, -5000, INT_MIN };
	struct snapshot before = snapshot(self->tl);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, fence_signal(self->tl, 1, bad[i])) {
			TH_LOG("with status %d", bad[i]);
		}
	}
	EXPECT_TRUE(unchanged(self->tl, &before));
	EXPECT_EQ(0, fence_status(self->fds[0]));
}

TEST_F(signal, refuses_flags)
{
	struct snapshot before = snapshot(self->tl);
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		struct fence_exporter_signal arg = {
			.seqno = 1,
			.flags = 1U << bit,
		};

		EXPECT_EQ(-EINVAL, call(self->tl, FENCE_EXPORTER_IOC_SIGNAL, &arg));
	}
	EXPECT_TRUE(unchanged(self->tl, &before));
}

TEST_F(signal, refuses_above_last)
{
	static const __u64 bad[] = {
		COUNT + 1, 1ULL << 32, (1ULL << 32) + 1, 1ULL << 63, ~0ULL,
	};
	struct snapshot before = snapshot(self->tl);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, fence_signal(self->tl, bad[i], 0)) {
			TH_LOG("with number %llu", bad[i]);
		}
	}
	EXPECT_TRUE(unchanged(self->tl, &before));
}

TEST_F(signal, empty_timeline)
{
	int tl = timeline_open();

	ASSERT_LE(0, tl);
	EXPECT_EQ(-EINVAL, fence_signal(tl, 1, 0));
	EXPECT_EQ(0, fence_signal(tl, 0, 0));
	EXPECT_EQ(0, timeline_state(tl).signaled_seqno);
}

TEST_F(signal, again_does_nothing)
{
	struct snapshot before;
	__u64 at;

	EXPECT_EQ(5, fence_signal(self->tl, 5, 0));
	at = fence_time(self->fds[4]);
	before = snapshot(self->tl);
	EXPECT_EQ(0, fence_signal(self->tl, 5, 0));
	EXPECT_EQ(0, fence_signal(self->tl, 5, -EIO));
	EXPECT_EQ(0, fence_signal(self->tl, 2, 0));
	EXPECT_EQ(0, fence_signal(self->tl, 0, 0));
	EXPECT_TRUE(unchanged(self->tl, &before));
	EXPECT_EQ(1, fence_status(self->fds[4]));
	EXPECT_EQ(at, fence_time(self->fds[4]));
}

TEST_F(signal, after_descriptors_are_closed)
{
	int i;

	for (i = 0; i < COUNT; i++)
		close(self->fds[i]);
	EXPECT_EQ(COUNT, timeline_state(self->tl).pending);
	EXPECT_EQ(COUNT, fence_signal(self->tl, COUNT, 0));
	EXPECT_EQ(COUNT, timeline_state(self->tl).signaled);
}

struct waiter {
	pthread_t thread;
	int fd;
	int ret;
};

static void *wait_for_fence(void *arg)
{
	struct waiter *waiter = arg;

	waiter->ret = fence_wait(waiter->fd, LONG_MS);
	return NULL;
}

TEST_F(signal, wakes_waiters)
{
	struct waiter waiters[COUNT];
	int i;

	for (i = 0; i < COUNT; i++) {
		waiters[i].fd = self->fds[i];
		ASSERT_EQ(0, pthread_create(&waiters[i].thread, NULL,
					    wait_for_fence, &waiters[i]));
	}
	sleep_ms(50);
	EXPECT_EQ(COUNT, fence_signal(self->tl, COUNT, 0));
	for (i = 0; i < COUNT; i++) {
		pthread_join(waiters[i].thread, NULL);
		EXPECT_EQ(1, waiters[i].ret);
	}
}

#define RACERS	4
#define ROUNDS	500

struct racer {
	pthread_t thread;
	int tl;
	__s64 signaled;
};

static void *race_to_signal(void *arg)
{
	struct racer *racer = arg;
	__u64 seqno;

	for (seqno = 1; seqno <= ROUNDS; seqno++) {
		__s64 ret = fence_signal(racer->tl, seqno, 0);

		if (ret < 0) {
			racer->signaled = ret;
			break;
		}
		racer->signaled += ret;
	}
	return NULL;
}

/* If several threads call SIGNAL at the same time, exactly one of them signals each fence. */
TEST_F(signal, once_by_one_of_many)
{
	struct racer racers[RACERS] = {};
	__s64 sum = 0;
	int tl = timeline_open();
	int i;

	ASSERT_LE(0, tl);
	for (i = 0; i < ROUNDS; i++)
		ASSERT_EQ(0, close(fence_create(tl)));
	for (i = 0; i < RACERS; i++) {
		racers[i].tl = tl;
		ASSERT_EQ(0, pthread_create(&racers[i].thread, NULL,
					    race_to_signal, &racers[i]));
	}
	for (i = 0; i < RACERS; i++) {
		pthread_join(racers[i].thread, NULL);
		EXPECT_LE(0, racers[i].signaled);
		sum += racers[i].signaled;
	}
	EXPECT_EQ(ROUNDS, sum);
	EXPECT_EQ(ROUNDS, timeline_state(tl).signaled);
	EXPECT_EQ(0, timeline_state(tl).pending);
}

struct waiting {
	int tl;
	int fd;
	struct fence_exporter_info info;
};

static void *wait_and_look(void *arg)
{
	struct waiting *waiting = arg;

	while (fence_status(waiting->fd) == 0)
		;
	waiting->info = timeline_state(waiting->tl);
	return NULL;
}

/*
 * When a thread sees that a fence has signaled, INFO already counts it, even while later fences are
 * still being signaled.
 */
TEST_F_TIMEOUT(signal, counted_when_seen, 120)
{
	int fds[FENCE_EXPORTER_MAX_FENCES];
	int tl = timeline_open();
	__u64 begin = now_ns();
	int round, i;

	ASSERT_LE(0, tl);
	/* A slow machine makes fewer rounds. Its other thread has more time to interfere. */
	for (round = 0; round < 500 && now_ns() - begin < 20 * NSEC_PER_SEC; round++) {
		struct waiting waiting = { .tl = tl };
		int base = 64 * round;
		pthread_t thread;

		ASSERT_EQ(base + 1, fence_create_many(tl, fds, 64));
		waiting.fd = fds[0];
		ASSERT_EQ(0, pthread_create(&thread, NULL, wait_and_look, &waiting));
		sched_yield();
		EXPECT_EQ(64, fence_signal(tl, base + 64, 0));
		pthread_join(thread, NULL);
		ASSERT_LT(base, waiting.info.signaled_seqno) {
			TH_LOG("in round %d", round);
		}
		EXPECT_EQ(waiting.info.last_seqno,
			  waiting.info.signaled_seqno + waiting.info.pending);
		EXPECT_EQ(waiting.info.signaled_seqno, waiting.info.signaled);
		for (i = 0; i < 64; i++)
			close(fds[i]);
	}
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Two calls at the same moment: each fence completes once, with the status of one of
 * the two calls. These tests are mainly for kernels with KASAN and lockdep.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "fence.h"
#include "harness.h"

/* The duration of each race. */
#define RACE_NS		(3 * NSEC_PER_SEC)

/* A thread that repeats one action on the descriptor that it is given. */
struct rival {
	pthread_t thread;
	void (*act)(struct rival *rival, int fd);
	atomic_int fd;
	atomic_bool stop;
	unsigned long acts;
};

static void *compete(void *arg)
{
	struct rival *rival = arg;

	while (!rival->stop) {
		int fd = rival->fd;

		if (fd < 0)
			continue;
		rival->act(rival, fd);
		rival->acts++;
	}
	return NULL;
}

FIXTURE(races)
{
	struct rival rival;
	__u64 end;
};

FIXTURE_SETUP(races)
{
	self->rival.fd = -1;
	self->end = now_ns() + RACE_NS;
}

FIXTURE_TEARDOWN(races)
{
}

static int begin(struct rival *rival, void (*act)(struct rival *rival, int fd))
{
	rival->act = act;
	return pthread_create(&rival->thread, NULL, compete, rival);
}

static void end(struct rival *rival)
{
	rival->stop = true;
	pthread_join(rival->thread, NULL);
}

static void act_deadline(struct rival *rival, int fd)
{
	(void)rival;
	fence_set_deadline(fd, now_ns());
}

/* A thread sets deadlines on a fence while its timeline is closed. */
TEST_F(races, deadline_and_close)
{
	int rounds = 0;

	ASSERT_EQ(0, begin(&self->rival, act_deadline));
	while (now_ns() < self->end) {
		int tl = timeline_new("race", 0, FENCE_EXPORTER_SETUP_EVENTS);
		int fd = fence_create(tl);
		int status;

		ASSERT_LE(0, fd);
		self->rival.fd = fd;
		if (rounds % 2)
			sleep_ms(1);
		close(tl);
		/*
		 * The other thread looks up a descriptor meanwhile. Such a lookup may hold the file
		 * that is closed here for a moment, because the memory of files is used again.
		 */
		ASSERT_EQ(1, fence_wait(fd, LONG_MS));
		status = fence_status(fd);
		ASSERT_EQ(-ECANCELED, status);
		close(fd);
		rounds++;
	}
	end(&self->rival);
	EXPECT_LT(0, self->rival.acts);
}

static void act_poll(struct rival *rival, int fd)
{
	int twin = fence_merge(fd, fd);

	(void)rival;
	fence_wait(fd, 0);
	if (twin >= 0) {
		fence_wait(twin, 0);
		close(twin);
	}
}

/* Threads begin and end waits for a fence while it signals. */
TEST_F(races, waiters_and_signal)
{
	int tl = timeline_open();
	__u64 seqno = 0;

	ASSERT_LE(0, tl);
	ASSERT_EQ(0, begin(&self->rival, act_poll));
	while (now_ns() < self->end) {
		int fd = fence_create(tl);
		__s64 ret;

		ASSERT_LE(0, fd);
		self->rival.fd = fd;
		ret = fence_signal(tl, ++seqno, 0);
		ASSERT_EQ(1, ret);
		close(fd);
	}
	end(&self->rival);
	EXPECT_EQ(seqno, timeline_state(tl).signaled);
}

/* A timeout, the time of a SIGNAL_AT and close(2) happen at the same time. */
TEST_F(races, timers_and_close)
{
	unsigned int seed = 1;
	int seen[3] = {};

	while (now_ns() < self->end) {
		__u64 soon = NSEC_PER_MSEC + rand_r(&seed) % 200000;
		int tl = timeline_new("race", soon, 0);
		__u64 time = now_ns() + NSEC_PER_MSEC;
		int fds[2];
		int status;

		ASSERT_EQ(1, fence_create_many(tl, fds, 2));
		fence_signal_at(tl, 1, time, 0);
		while (now_ns() < time + rand_r(&seed) % 100000)
			;
		close(tl);
		ASSERT_EQ(1, fence_wait(fds[0], LONG_MS));
		status = fence_status(fds[0]);
		ASSERT_TRUE(status == 1 || status == -ETIMEDOUT ||
			    status == -ECANCELED);
		seen[status == 1 ? 0 : status == -ETIMEDOUT ? 1 : 2]++;
		status = fence_status(fds[1]);
		ASSERT_TRUE(status == -ETIMEDOUT || status == -ECANCELED);
		close(fds[0]);
		close(fds[1]);
	}
	ksft_print_msg("%d signaled, %d timed out, %d cancelled\n", seen[0],
		       seen[1], seen[2]);
}

static void act_close(struct rival *rival, int fd)
{
	rival->fd = -1;
	close(fd);
}

/* Two engines wait for each other's jobs, and are closed at the same time. */
TEST_F(races, engines_close_each_other)
{
	enum { PAIRS = 4 };

	ASSERT_EQ(0, begin(&self->rival, act_close));
	while (now_ns() < self->end) {
		int a = timeline_new("a", 0, FENCE_EXPORTER_SETUP_ENGINE);
		int b = timeline_new("b", 0, FENCE_EXPORTER_SETUP_ENGINE);
		int fds[2 * PAIRS];
		int in_a = -1;
		int in_b = -1;
		int i, status;

		for (i = 0; i < 2 * PAIRS; i += 2) {
			fds[i] = fence_submit(a, 200000, in_b, 0);
			fds[i + 1] = fence_submit(b, 200000, in_a, 0);
			in_a = fds[i];
			in_b = fds[i + 1];
		}
		ASSERT_LE(0, in_b);
		self->rival.fd = b;
		close(a);
		while (self->rival.fd >= 0)
			;
		for (i = 0; i < 2 * PAIRS; i++) {
			/* The rival may still be closing the other engine. */
			ASSERT_EQ(1, fence_wait(fds[i], LONG_MS));
			status = fence_status(fds[i]);
			ASSERT_TRUE(status == 1 || status == -ECANCELED);
			close(fds[i]);
		}
	}
	end(&self->rival);
	EXPECT_LT(0, self->rival.acts);
}

static void act_signal(struct rival *rival, int fd)
{
	fence_signal(fd, 1, -EIO);
	act_close(rival, fd);
}

/* One thread calls SIGNAL on a timeline while another one closes another descriptor of it. */
TEST_F(races, signal_and_close)
{
	ASSERT_EQ(0, begin(&self->rival, act_signal));
	while (now_ns() < self->end) {
		int tl = timeline_new("race", 0, 0);
		int fd = fence_create(tl);
		int twin = dup(tl);
		int status;

		ASSERT_LE(0, twin);
		self->rival.fd = twin;
		fence_signal(tl, 1, 0);
		close(tl);
		ASSERT_EQ(1, fence_wait(fd, LONG_MS));
		status = fence_status(fd);
		ASSERT_TRUE(status == 1 || status == -EIO);
		while (self->rival.fd >= 0)
			;
		close(fd);
	}
	end(&self->rival);
	EXPECT_LT(0, self->rival.acts);
}

TEST_HARNESS_MAIN

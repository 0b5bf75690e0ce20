// SPDX-License-Identifier: GPL-2.0
/* Closing a timeline: all waiters wake. */
#include <fcntl.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "fence.h"
#include "harness.h"

#define COUNT	8

FIXTURE(close)
{
	int fds[COUNT];
	int tl;
};

FIXTURE_SETUP(close)
{
	self->tl = timeline_open();
	ASSERT_LE(0, self->tl);
	ASSERT_EQ(1, fence_create_many(self->tl, self->fds, COUNT));
}

FIXTURE_TEARDOWN(close)
{
}

TEST_F(close, cancels_pending)
{
	__u64 before;
	int i;

	ASSERT_EQ(2, fence_signal(self->tl, 2, 0));
	ASSERT_EQ(1, fence_signal(self->tl, 3, -EIO));
	before = now_ns();
	ASSERT_EQ(0, close(self->tl));
	EXPECT_EQ(1, fence_status(self->fds[0]));
	EXPECT_EQ(1, fence_status(self->fds[1]));
	EXPECT_EQ(-EIO, fence_status(self->fds[2]));
	for (i = 3; i < COUNT; i++) {
		EXPECT_EQ(1, fence_wait(self->fds[i], 0));
		EXPECT_EQ(-ECANCELED, fence_status(self->fds[i]));
		EXPECT_LE(before, fence_time(self->fds[i]));
		EXPECT_LE(fence_time(self->fds[i - 1]), fence_time(self->fds[i]));
	}
}

TEST_F(close, nothing_pending)
{
	ASSERT_EQ(COUNT, fence_signal(self->tl, COUNT, 0));
	ASSERT_EQ(0, close(self->tl));
	EXPECT_EQ(1, fence_status(self->fds[COUNT - 1]));
}

TEST_F(close, last_descriptor_counts)
{
	int twin = dup(self->tl);

	ASSERT_LE(0, twin);
	ASSERT_EQ(0, close(self->tl));
	EXPECT_EQ(0, fence_status(self->fds[0]));
	EXPECT_EQ(1, fence_signal(twin, 1, 0));
	ASSERT_EQ(0, close(twin));
	EXPECT_EQ(1, fence_status(self->fds[0]));
	EXPECT_EQ(-ECANCELED, fence_status(self->fds[1]));
}

TEST_F(close, merged)
{
	int other = timeline_open();
	int merged;
	int fd;

	ASSERT_LE(0, other);
	fd = fence_create(other);
	ASSERT_LE(0, fd);
	merged = fence_merge(self->fds[0], fd);
	ASSERT_LE(0, merged);
	ASSERT_EQ(1, fence_signal(other, 1, 0));
	EXPECT_EQ(0, fence_status(merged));
	ASSERT_EQ(0, close(self->tl));
	EXPECT_EQ(1, fence_wait(merged, LONG_MS));
	EXPECT_EQ(-ECANCELED, fence_status(merged));
}

static void *wait_for_fence(void *fd)
{
	return (void *)(long)fence_wait((int)(long)fd, LONG_MS);
}

TEST_F(close, wakes_waiters)
{
	pthread_t threads[COUNT];
	void *ret;
	int i;

	for (i = 0; i < COUNT; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, wait_for_fence,
					    (void *)(long)self->fds[i]));
	sleep_ms(50);
	ASSERT_EQ(0, close(self->tl));
	for (i = 0; i < COUNT; i++) {
		pthread_join(threads[i], &ret);
		EXPECT_EQ(1, (long)ret);
		EXPECT_EQ(-ECANCELED, fence_status(self->fds[i]));
	}
}

/* The owner of the timeline is killed, while another process holds one of its fences. */
TEST_F(close, owner_killed)
{
	int sockets[2];
	pid_t child;
	int fence;
	int status;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		int tl = timeline_open();

		send_fd(sockets[1], fence_create(tl));
		for (;;)
			pause();
	}
	fence = receive_fd(sockets[0]);
	ASSERT_LE(0, fence);
	EXPECT_EQ(0, fence_status(fence));
	EXPECT_EQ(0, fence_wait(fence, 20));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(1, fence_wait(fence, LONG_MS));
	EXPECT_EQ(-ECANCELED, fence_status(fence));
	EXPECT_EQ(child, waitpid(child, &status, 0));
}

TEST_F(close, descriptors_first)
{
	struct snapshot before;
	int i;

	for (i = 0; i < COUNT; i++)
		ASSERT_EQ(0, close(self->fds[i]));
	before = snapshot(self->tl);
	EXPECT_EQ(COUNT, before.info.pending);
	ASSERT_EQ(0, close(self->tl));
	EXPECT_EQ(before.fds - 1, count_fds());
}

FIXTURE(close_many)
{
	int tl;
};

FIXTURE_SETUP(close_many)
{
	/* The timeout is longer than a slow machine needs to create thousands of fences. */
	self->tl = timeline_new("many", module_limits().max_timeout_ns, 0);
	ASSERT_LE(0, self->tl);
}

FIXTURE_TEARDOWN(close_many)
{
}

/* Returns the shortest of 20 grace periods. */
static __u64 grace_period(void)
{
	__u64 fastest = ~0ULL;
	int i;

	for (i = 0; i < 20; i++) {
		__u64 begin = now_ns();
		__u64 time;

		if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
			return 0;
		time = now_ns() - begin;
		if (time < fastest)
			fastest = time;
	}
	return fastest;
}

/* close(2) does not wait for a grace period, even if it is called often. */
TEST_F_TIMEOUT(close_many, takes_no_grace_period, 120)
{
	__u64 fastest = ~0ULL;
	__u64 period;
	int i;

	if (sysconf(_SC_NPROCESSORS_ONLN) == 1)
		SKIP(return, "a lone processor has grace periods at once");
	for (i = 0; i < 200; i++) {
		int tl = timeline_open();
		int fd = fence_create(tl);
		__u64 begin, time;

		ASSERT_LE(0, fd);
		begin = now_ns();
		ASSERT_EQ(0, close(tl));
		time = now_ns() - begin;
		if (time < fastest)
			fastest = time;
		ASSERT_EQ(-ECANCELED, fence_status(fd));
		close(fd);
	}
	/*
	 * How long a close and a grace period take depends on the machine. If close(2) waited, no
	 * close would be faster than the fastest grace period.
	 */
	period = grace_period();
	EXPECT_GT(period / 2, fastest) {
		TH_LOG("a close took %llu us, a grace period %llu us",
		       fastest / 1000, period / 1000);
	}
}

TEST_F_TIMEOUT(close_many, thousands_pending, 120)
{
	enum { BATCHES = 64 };
	int fds[BATCHES][FENCE_EXPORTER_MAX_FENCES];
	int i;

	ASSERT_EQ(0, allow_fds(BATCHES * FENCE_EXPORTER_MAX_FENCES + 64));
	for (i = 0; i < BATCHES; i++)
		ASSERT_LT(0, fence_create_many(self->tl, fds[i],
					       FENCE_EXPORTER_MAX_FENCES));
	ASSERT_EQ(0, close(self->tl));
	for (i = 0; i < BATCHES; i++)
		EXPECT_EQ(-ECANCELED, fence_status(fds[i][i]));
	EXPECT_EQ(-ECANCELED, fence_status(fds[BATCHES - 1][63]));
}

TEST_HARNESS_MAIN

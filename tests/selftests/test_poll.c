// SPDX-License-Identifier: GPL-2.0
/* Waiting: poll, select and epoll, on fences and on timelines. */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "fence.h"
#include "harness.h"
#include "lateness.h"

FIXTURE(poll)
{
	int tl;
};

FIXTURE_SETUP(poll)
{
	ASSERT_EQ(0, lateness_watch());
	self->tl = timeline_open();
	ASSERT_LE(0, self->tl);
}

FIXTURE_TEARDOWN(poll)
{
	close(self->tl);
}

TEST_F(poll, before_and_after)
{
	int fd = fence_create(self->tl);
	__u64 begin = now_ns();

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, fence_wait(fd, 0));
	EXPECT_EQ(0, fence_wait(fd, 50));
	EXPECT_LE(begin + 50 * NSEC_PER_MSEC, now_ns());
	ASSERT_EQ(1, fence_signal(self->tl, 1, 0));
	EXPECT_EQ(1, fence_wait(fd, 0));
	EXPECT_EQ(1, fence_wait(fd, -1));
}

TEST_F(poll, first_look_after_signalling)
{
	int fd = fence_create(self->tl);

	ASSERT_LE(0, fd);
	ASSERT_EQ(1, fence_signal(self->tl, 1, -EIO));
	EXPECT_EQ(1, fence_wait(fd, 0));
}

TEST_F(poll, wakes_when_signalled)
{
	int fd = fence_create(self->tl);
	__u64 time = now_ns() + 200 * NSEC_PER_MSEC;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fence_signal_at(self->tl, 1, time, 0));
	EXPECT_EQ(1, fence_wait(fd, LONG_MS));
	EXPECT_TRUE(in_time(now_ns(), time, time));
}

TEST_F(poll, copies_of_a_descriptor)
{
	int fd = fence_create(self->tl);
	int twin = dup(fd);

	ASSERT_LE(0, twin);
	EXPECT_EQ(0, fence_wait(fd, 0));
	close(fd);
	ASSERT_EQ(1, fence_signal(self->tl, 1, 0));
	EXPECT_EQ(1, fence_wait(twin, 0));
}

/* Polled, then closed: nothing may be left behind at the fence. */
TEST_F(poll, closed_while_polled)
{
	int fd = fence_create(self->tl);
	int twin = dup(fd);
	int i;

	EXPECT_EQ(0, fence_wait(fd, 0));
	close(fd);
	close(twin);
	for (i = 0; i < 100; i++) {
		fd = fence_create(self->tl);
		EXPECT_EQ(0, fence_wait(fd, 0));
		close(fd);
	}
	EXPECT_EQ(101, fence_signal(self->tl, 101, 0));
}

TEST_F(poll, select)
{
	struct timeval none = {};
	int fd = fence_create(self->tl);
	fd_set read_fds;

	ASSERT_LE(0, fd);
	FD_ZERO(&read_fds);
	FD_SET(fd, &read_fds);
	EXPECT_EQ(0, select(fd + 1, &read_fds, NULL, NULL, &none));
	ASSERT_EQ(1, fence_signal(self->tl, 1, 0));
	FD_SET(fd, &read_fds);
	EXPECT_EQ(1, select(fd + 1, &read_fds, NULL, NULL, NULL));
	EXPECT_TRUE(FD_ISSET(fd, &read_fds));
}

#define MANY	512

TEST_F(poll, epoll_over_many)
{
	struct epoll_event events[MANY];
	bool seen[MANY] = {};
	int fds[MANY];
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int i, n;

	ASSERT_LE(0, epoll);
	ASSERT_EQ(0, allow_fds(MANY + 32));
	for (i = 0; i < MANY; i++) {
		struct epoll_event event = {
			.events = EPOLLIN | EPOLLONESHOT,
			.data.u32 = i,
		};

		fds[i] = fence_create(self->tl);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event));
	}
	EXPECT_EQ(0, epoll_wait(epoll, events, MANY, 0));

	/* Half of them: exactly these wake. */
	ASSERT_EQ(MANY / 2, fence_signal(self->tl, MANY / 2, 0));
	for (n = 0; n < MANY / 2;) {
		int ready = epoll_wait(epoll, events, MANY, LONG_MS);

		ASSERT_LT(0, ready);
		for (i = 0; i < ready; i++) {
			EXPECT_EQ(EPOLLIN, events[i].events);
			EXPECT_FALSE(seen[events[i].data.u32]);
			EXPECT_GT(MANY / 2, events[i].data.u32);
			seen[events[i].data.u32] = true;
		}
		n += ready;
	}
	EXPECT_EQ(0, epoll_wait(epoll, events, MANY, 0));

	/* The others complete when the timeline is closed. */
	close(self->tl);
	self->tl = -1;
	for (n = 0; n < MANY / 2;) {
		int ready = epoll_wait(epoll, events, MANY, LONG_MS);

		ASSERT_LT(0, ready);
		n += ready;
	}
	EXPECT_EQ(MANY / 2, n);
}

TEST_F(poll, epoll_edge)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int fd = fence_create(self->tl);

	ASSERT_LE(0, epoll);
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
	EXPECT_EQ(0, epoll_wait(epoll, &event, 1, 20));
	ASSERT_EQ(1, fence_signal(self->tl, 1, 0));
	EXPECT_EQ(1, epoll_wait(epoll, &event, 1, LONG_MS));
	EXPECT_EQ(0, epoll_wait(epoll, &event, 1, 20));
}

/* A timeline that queues no events is never ready, whatever happens to it. */
TEST_F(poll, timeline_without_events)
{
	struct pollfd poll_tl = { .fd = self->tl, .events = POLLIN | POLLPRI };
	int fd = fence_create(self->tl);

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, poll(&poll_tl, 1, 20));
	EXPECT_EQ(0, fence_wait(fd, 0));
	EXPECT_EQ(0, fence_set_deadline(fd, now_ns()));
	EXPECT_EQ(1, fence_signal(self->tl, 1, 0));
	EXPECT_EQ(0, poll(&poll_tl, 1, 20));
	EXPECT_EQ(0, poll_tl.revents);
}

TEST_HARNESS_MAIN

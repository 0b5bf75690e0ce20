// SPDX-License-Identifier: GPL-2.0
/* Waiting: poll, select and epoll, on fences and on timelines. */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
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

TEST_F(poll, wakes_when_signaled)
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

/* Closes a fence while it is polled. No callback may remain at the fence. */
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

	/* Signals half of the fences. Exactly these wake the epoll. */
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

	/* The other half completes when the timeline is closed. */
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

/* A timeline that queues no events never becomes ready. */
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

/*
 * An epoll to which the timeline was added before SETUP wakes, level-triggered or edge-triggered.
 */
TEST_F(poll, epoll_before_setup)
{
	struct epoll_event level = { .events = EPOLLIN };
	struct epoll_event edge = { .events = EPOLLIN | EPOLLET };
	int epolls[] = { epoll_create1(EPOLL_CLOEXEC), epoll_create1(EPOLL_CLOEXEC) };
	struct fence_exporter_event event;
	int fd;

	ASSERT_EQ(0, epoll_ctl(epolls[0], EPOLL_CTL_ADD, self->tl, &level));
	ASSERT_EQ(0, epoll_ctl(epolls[1], EPOLL_CTL_ADD, self->tl, &edge));
	ASSERT_EQ(0, timeline_setup(self->tl, "late", 0, FENCE_EXPORTER_SETUP_EVENTS));
	EXPECT_EQ(0, epoll_wait(epolls[0], &level, 1, 0));
	fd = fence_create(self->tl);
	EXPECT_EQ(0, fence_wait(fd, 0));
	EXPECT_EQ(1, epoll_wait(epolls[0], &level, 1, LONG_MS));
	EXPECT_EQ(1, epoll_wait(epolls[1], &edge, 1, LONG_MS));
	EXPECT_EQ(1, timeline_event(self->tl, &event, 0));
	EXPECT_EQ(0, epoll_wait(epolls[0], &level, 1, 0));
	/* Wakes a second time, by an event that does not come from a waiter. */
	EXPECT_EQ(0, fence_set_deadline(fd, now_ns()));
	EXPECT_EQ(1, epoll_wait(epolls[1], &edge, 1, LONG_MS));
}

struct poller {
	int tl;
	atomic_int tid;
	atomic_bool woken;
	int revents;
};

static void *poll_timeline(void *arg)
{
	struct poller *poller = arg;
	struct pollfd poll_tl = { .fd = poller->tl, .events = POLLIN };

	poller->tid = gettid();
	poll(&poll_tl, 1, -1);
	poller->revents = poll_tl.revents;
	poller->woken = true;
	return NULL;
}

/* A thread that called poll(2) before SETUP also wakes. */
TEST_F(poll, polled_before_setup)
{
	struct poller poller = { .tl = self->tl };
	pthread_t thread;
	__u64 end;

	ASSERT_EQ(0, pthread_create(&thread, NULL, poll_timeline, &poller));
	while (!poller.tid)
		sleep_ms(1);
	wait_until_asleep(poller.tid);
	ASSERT_EQ(0, timeline_setup(self->tl, "late", 0, FENCE_EXPORTER_SETUP_EVENTS));
	EXPECT_EQ(0, fence_wait(fence_create(self->tl), 0));
	end = now_ns() + LONG_MS * NSEC_PER_MSEC;
	while (!poller.woken && now_ns() < end)
		sleep_ms(1);
	ASSERT_TRUE((bool)poller.woken);
	EXPECT_EQ(POLLIN, poller.revents);
	pthread_join(thread, NULL);
}

/* A timeline that is closed removes itself from an epoll, even if it never queued events. */
TEST_F(poll, timeline_closed_while_polled)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int i;

	ASSERT_LE(0, epoll);
	for (i = 0; i < 100; i++) {
		int tl = timeline_open();

		if (i % 2)
			ASSERT_EQ(0, timeline_setup(tl, "polled", 0,
						    FENCE_EXPORTER_SETUP_EVENTS));
		ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, tl, &event));
		if (i % 3 == 0)
			EXPECT_EQ(0, fence_wait(fence_create(tl), 0));
		close(tl);
	}
	EXPECT_EQ(0, epoll_wait(epoll, &event, 1, 0));
}

TEST_HARNESS_MAIN

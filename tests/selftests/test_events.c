// SPDX-License-Identifier: GPL-2.0
/* Events: a test plays the device, and reads about waits and deadlines. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "fence.h"
#include "harness.h"

/* The number of events that a timeline's queue can hold. */
#define CAPACITY	256
#define COUNT		16

FIXTURE(events)
{
	int fds[COUNT];
	int tl;
};

FIXTURE_SETUP(events)
{
	self->tl = timeline_new("device", 0, FENCE_EXPORTER_SETUP_EVENTS);
	ASSERT_LE(0, self->tl);
	ASSERT_EQ(1, fence_create_many(self->tl, self->fds, COUNT));
}

FIXTURE_TEARDOWN(events)
{
	close(self->tl);
}

TEST_F(events, none_at_first)
{
	struct pollfd poll_tl = { .fd = self->tl, .events = POLLIN };

	EXPECT_EQ(0, poll(&poll_tl, 1, 20));
}

TEST_F(events, somebody_waits)
{
	struct fence_exporter_event event;
	__u64 before = now_ns();

	EXPECT_EQ(0, fence_wait(self->fds[4], 0));
	ASSERT_EQ(1, timeline_event(self->tl, &event, LONG_MS));
	EXPECT_EQ(FENCE_EXPORTER_EVENT_WAIT, event.type);
	EXPECT_EQ(5, event.seqno);
	EXPECT_EQ(sizeof(event), event.length);
	EXPECT_LE(before, event.time_ns);
	EXPECT_GE(now_ns(), event.time_ns);
	EXPECT_EQ(0, timeline_event(self->tl, &event, 0));
}

/* A fence has only one WAIT event, however many waiters it has and however often they wait. */
TEST_F(events, waits_are_told_once)
{
	struct fence_exporter_event event;
	int merged = fence_merge(self->fds[0], self->fds[1]);
	int i;

	for (i = 0; i < 10; i++) {
		EXPECT_EQ(0, fence_wait(self->fds[1], 0));
		EXPECT_EQ(0, fence_wait(merged, 0));
	}
	ASSERT_EQ(1, timeline_event(self->tl, &event, LONG_MS));
	EXPECT_EQ(2, event.seqno);
	EXPECT_EQ(0, timeline_event(self->tl, &event, 0));
}

TEST_F(events, no_wait_for_what_has_signaled)
{
	struct fence_exporter_event event;

	ASSERT_EQ(COUNT, fence_signal(self->tl, COUNT, 0));
	EXPECT_EQ(1, fence_wait(self->fds[0], 0));
	EXPECT_EQ(0, fence_set_deadline(self->fds[0], now_ns()));
	EXPECT_EQ(0, timeline_event(self->tl, &event, 20));
}

TEST_F(events, looking_is_no_wait)
{
	struct fence_exporter_event event;

	EXPECT_EQ(0, fence_status(self->fds[0]));
	EXPECT_EQ(0, fence_time(self->fds[0]));
	EXPECT_EQ(0, timeline_event(self->tl, &event, 20));
}

TEST_F(events, deadlines)
{
	struct fence_exporter_event event;
	__u64 deadline = now_ns() + NSEC_PER_SEC;

	ASSERT_EQ(0, fence_set_deadline(self->fds[2], deadline));
	ASSERT_EQ(1, timeline_event(self->tl, &event, LONG_MS));
	EXPECT_EQ(FENCE_EXPORTER_EVENT_DEADLINE, event.type);
	EXPECT_EQ(3, event.seqno);
	EXPECT_EQ(deadline, event.value);
	EXPECT_GE(now_ns(), event.time_ns);
}

/* A deadline of S64_MAX or later means no deadline. */
TEST_F(events, no_deadline)
{
	struct fence_exporter_event event;

	ASSERT_EQ(0, fence_set_deadline(self->fds[0], INT64_MAX));
	ASSERT_EQ(0, fence_set_deadline(self->fds[0], INT64_MAX + 1ULL));
	ASSERT_EQ(0, fence_set_deadline(self->fds[0], UINT64_MAX));
	ASSERT_EQ(0, fence_set_deadline(self->fds[0], 0));
	ASSERT_EQ(1, timeline_event(self->tl, &event, 0));
	EXPECT_EQ(FENCE_EXPORTER_EVENT_DEADLINE, event.type);
	EXPECT_EQ(0, event.value);
	EXPECT_EQ(0, timeline_event(self->tl, &event, 0));
}

/* Simulates the device: signals each fence that a process waits for. */
static void *play_device(void *arg)
{
	int tl = (int)(long)arg;
	struct fence_exporter_event event;
	long served = 0;

	while (served < COUNT) {
		if (timeline_event(tl, &event, LONG_MS) != 1)
			break;
		if (event.type != FENCE_EXPORTER_EVENT_WAIT ||
		    fence_signal(tl, event.seqno, 0) != 1)
			break;
		served++;
	}
	return (void *)served;
}

TEST_F(events, device_signals_on_demand)
{
	pthread_t device;
	void *served;
	int i;

	ASSERT_EQ(0, pthread_create(&device, NULL, play_device,
				    (void *)(long)self->tl));
	for (i = 0; i < COUNT; i++)
		EXPECT_EQ(1, fence_wait(self->fds[i], LONG_MS));
	pthread_join(device, &served);
	EXPECT_EQ(COUNT, (long)served);
}

TEST_F(events, as_many_as_fit)
{
	struct fence_exporter_event events[COUNT];
	int i;

	for (i = 0; i < 10; i++)
		EXPECT_EQ(0, fence_wait(self->fds[i], 0));
	/* The buffer has room for three and a half events. */
	EXPECT_EQ(3 * (int)sizeof(*events),
		  read(self->tl, events, 3 * sizeof(*events) + 16));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(i + 1, events[i].seqno);
	EXPECT_EQ(7 * (int)sizeof(*events),
		  read(self->tl, events, sizeof(events)));
	for (i = 0; i < 7; i++) {
		EXPECT_EQ(i + 4, events[i].seqno);
		if (i)
			EXPECT_LE(events[i - 1].time_ns, events[i].time_ns);
	}
}

TEST_F(events, read_refuses)
{
	struct fence_exporter_event event;
	size_t size;

	EXPECT_EQ(0, fence_wait(self->fds[0], 0));
	for (size = 1; size < sizeof(event); size++) {
		EXPECT_EQ(-1, read(self->tl, &event, size));
		EXPECT_EQ(EINVAL, errno);
	}
	EXPECT_EQ(-1, read(self->tl, (void *)8, sizeof(event)));
	EXPECT_EQ(EFAULT, errno);
	/* The failed read has not lost the event. */
	ASSERT_EQ(1, timeline_event(self->tl, &event, 0));
	EXPECT_EQ(1, event.seqno);
}

/* readv(2): an event may begin in one part and end in another. */
TEST_F(events, read_into_parts)
{
	struct fence_exporter_event events[3] = {};
	char *to = (char *)events;
	struct iovec parts[] = {
		{ to, 5 },
		{ NULL, 0 },
		{ to + 5, sizeof(*events) },
		{ to + 5 + sizeof(*events), 1 },
		{ to + 6 + sizeof(*events), 2 * sizeof(*events) - 6 },
	};
	int i;

	for (i = 0; i < 4; i++)
		EXPECT_EQ(0, fence_wait(self->fds[i], 0));
	EXPECT_EQ((int)sizeof(events), readv(self->tl, parts, ARRAY_SIZE(parts)));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(FENCE_EXPORTER_EVENT_WAIT, events[i].type);
		EXPECT_EQ(i + 1, events[i].seqno);
	}

	/* The parts are one buffer: read(2) does not stop at the end of the first part. */
	EXPECT_EQ(0, fence_wait(self->fds[4], 0));
	parts[0].iov_len = sizeof(*events);
	parts[2].iov_base = to + sizeof(*events);
	EXPECT_EQ(2 * (int)sizeof(*events), readv(self->tl, parts, 3));
	EXPECT_EQ(4, events[0].seqno);
	EXPECT_EQ(5, events[1].seqno);
}

/* If a part is not writable, the read ends before the first event that would reach this part. */
TEST_F(events, read_into_parts_refuses)
{
	struct fence_exporter_event events[2] = {};
	struct iovec parts[] = {
		{ events, sizeof(*events) + 8 }, { (void *)8, sizeof(*events) - 8 },
	};
	int i;

	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, fence_wait(self->fds[i], 0));
	EXPECT_EQ((int)sizeof(*events), readv(self->tl, parts, 2));
	EXPECT_EQ(1, events[0].seqno);
	parts[0].iov_len = 8;
	EXPECT_EQ(-1, readv(self->tl, parts, 2));
	EXPECT_EQ(EFAULT, errno);
	/* The failed read has not lost the event. */
	ASSERT_EQ(1, timeline_event(self->tl, &events[0], 0));
	EXPECT_EQ(2, events[0].seqno);
}

TEST_F(events, read_without_events)
{
	int tls[] = {
		timeline_open(), timeline_new("plain", 0, 0),
		timeline_new("engine", 0, FENCE_EXPORTER_SETUP_ENGINE),
	};
	struct fence_exporter_event event;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tls); i++) {
		ASSERT_EQ(0, fcntl(tls[i], F_SETFL, O_NONBLOCK));
		EXPECT_EQ(-1, read(tls[i], &event, sizeof(event)));
		EXPECT_EQ(EINVAL, errno);
		close(tls[i]);
	}
}

TEST_F(events, read_nonblocking)
{
	struct fence_exporter_event event;

	ASSERT_EQ(0, fcntl(self->tl, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(-1, read(self->tl, &event, sizeof(event)));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(0, fence_wait(self->fds[0], 0));
	EXPECT_EQ((int)sizeof(event), read(self->tl, &event, sizeof(event)));
	EXPECT_EQ(-1, read(self->tl, &event, sizeof(event)));
	EXPECT_EQ(EAGAIN, errno);
}

static void *wait_later(void *arg)
{
	sleep_ms(100);
	fence_wait((int)(long)arg, 0);
	return NULL;
}

TEST_F(events, read_blocks)
{
	struct fence_exporter_event event;
	__u64 begin = now_ns();
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, wait_later,
				    (void *)(long)self->fds[0]));
	EXPECT_EQ((int)sizeof(event), read(self->tl, &event, sizeof(event)));
	EXPECT_LE(begin + 100 * NSEC_PER_MSEC, now_ns());
	EXPECT_EQ(1, event.seqno);
	pthread_join(thread, NULL);
}

TEST_F(events, read_interrupted)
{
	struct itimerval timer = { .it_value.tv_usec = 100000,
				   .it_interval.tv_usec = 100000 };
	struct fence_exporter_event event;

	ASSERT_EQ(0, catch_signal(SIGALRM));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &timer, NULL));
	EXPECT_EQ(-1, read(self->tl, &event, sizeof(event)));
	EXPECT_EQ(EINTR, errno);
}

TEST_F(events, readiness)
{
	struct epoll_event ready = { .events = EPOLLIN };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct fence_exporter_event event;

	ASSERT_LE(0, epoll);
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->tl, &ready));
	EXPECT_EQ(0, epoll_wait(epoll, &ready, 1, 0));
	EXPECT_EQ(0, fence_wait(self->fds[0], 0));
	EXPECT_EQ(0, fence_wait(self->fds[1], 0));
	EXPECT_EQ(1, epoll_wait(epoll, &ready, 1, 0));
	EXPECT_EQ(EPOLLIN, ready.events);
	EXPECT_EQ(1, timeline_event(self->tl, &event, 0));
	EXPECT_EQ(1, epoll_wait(epoll, &ready, 1, 0));
	EXPECT_EQ(1, timeline_event(self->tl, &event, 0));
	EXPECT_EQ(0, epoll_wait(epoll, &ready, 1, 0));
}

TEST_F(events, overflow)
{
	enum { FENCES = CAPACITY + 64, KEPT = CAPACITY };
	struct fence_exporter_event event;
	int fds[FENCES];
	int tl = timeline_new("flood", 0, FENCE_EXPORTER_SETUP_EVENTS);
	int i;

	ASSERT_LE(0, tl);
	ASSERT_EQ(0, allow_fds(FENCES + 64));
	for (i = 0; i < FENCES; i++) {
		fds[i] = fence_create(tl);
		EXPECT_EQ(0, fence_wait(fds[i], 0));
	}
	for (i = 0; i < KEPT; i++) {
		ASSERT_EQ(1, timeline_event(tl, &event, 0));
		ASSERT_EQ(FENCE_EXPORTER_EVENT_WAIT, event.type);
		ASSERT_EQ(i + 1, event.seqno);
	}
	ASSERT_EQ(1, timeline_event(tl, &event, 0));
	EXPECT_EQ(FENCE_EXPORTER_EVENT_OVERFLOW, event.type);
	EXPECT_EQ(FENCES - KEPT, event.value);
	EXPECT_EQ(0, timeline_event(tl, &event, 0));

	/* The timeline continues to queue events. */
	EXPECT_EQ(0, fence_wait(fence_create(tl), 0));
	ASSERT_EQ(1, timeline_event(tl, &event, 0));
	EXPECT_EQ(FENCE_EXPORTER_EVENT_WAIT, event.type);
	EXPECT_EQ(FENCES + 1, event.seqno);
}

/* The OVERFLOW event has the place of the events that were lost. */
TEST_F(events, overflow_in_its_place)
{
	struct fence_exporter_event event;
	__u64 deadline = now_ns() + NSEC_PER_SEC;
	int seen = 0;
	int i;

	for (i = 0; i < CAPACITY + 10; i++)
		ASSERT_EQ(0, fence_set_deadline(self->fds[0], deadline - i));
	for (i = 0; i < 100; i++, seen++) {
		ASSERT_EQ(1, timeline_event(self->tl, &event, 0));
		ASSERT_EQ(deadline - i, event.value);
	}
	EXPECT_EQ(0, fence_wait(self->fds[1], 0));
	for (; seen < CAPACITY; seen++) {
		ASSERT_EQ(1, timeline_event(self->tl, &event, 0));
		ASSERT_EQ(deadline - seen, event.value);
	}
	ASSERT_EQ(1, timeline_event(self->tl, &event, 0));
	EXPECT_EQ(FENCE_EXPORTER_EVENT_OVERFLOW, event.type);
	EXPECT_EQ(10, event.value);
	ASSERT_EQ(1, timeline_event(self->tl, &event, 0));
	EXPECT_EQ(FENCE_EXPORTER_EVENT_WAIT, event.type);
	EXPECT_EQ(2, event.seqno);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * User space holds up a thread that reads events, at the copy to user space. Other readers
 * wait, and a signal ends their wait. With O_NONBLOCK they fail. No other call waits.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>

#include "fence.h"
#include "held_page.h"
#include "harness.h"

#define TIMEOUT_NS	(module_limits().max_timeout_ns)
#define COUNT		3
/*
 * The exit status of a process that has read @n events. If read(2) fails, the status is its errno.
 */
#define HAS_READ(n)	(128 + (n))

/*
 * Forks a process that reads as many events as there are. Returns after the process has begun to.
 */
static pid_t read_elsewhere(int tl)
{
	struct fence_exporter_event events[2 * COUNT];
	pid_t pid;
	int ret;

	catch_signal(SIGUSR1);
	pid = fork();
	if (pid) {
		if (pid > 0)
			wait_until_asleep(pid);
		return pid;
	}
	ret = read(tl, events, sizeof(events));
	_exit(ret < 0 ? errno : HAS_READ(ret / (int)sizeof(*events)));
}

/* A thread that reads into a page, which holds the thread up. */
struct reader {
	struct held_page page;
	pthread_t thread;
	size_t room;
	int tl;
	int ret;
};

FIXTURE(read_held_up)
{
	struct reader reader;
	int fds[COUNT];
	int tl;
};

FIXTURE_SETUP(read_held_up)
{
	int i;
	int ret = held_page(&self->reader.page);

	if (ret)
		SKIP(return, "no userfaultfd: %s", strerror(-ret));
	self->tl = timeline_new("held-up", TIMEOUT_NS, FENCE_EXPORTER_SETUP_EVENTS);
	ASSERT_LE(0, self->tl);
	self->reader.tl = self->tl;
	ASSERT_EQ(1, fence_create_many(self->tl, self->fds, COUNT));
	/* The last fence is left for events that happen while the reader is held up. */
	for (i = 0; i < COUNT - 1; i++)
		ASSERT_EQ(0, fence_wait(self->fds[i], 0));
}

FIXTURE_TEARDOWN(read_held_up)
{
	close(self->tl);
}

static void *read_into_page(void *arg)
{
	struct reader *reader = arg;
	int ret = read(reader->tl, reader->page.memory, reader->room);

	reader->ret = ret < 0 ? -errno : ret / (int)sizeof(struct fence_exporter_event);
	return NULL;
}

/* Starts the reader, which reads up to @room events, and waits until it is held up. */
static bool hold_up(struct reader *reader, int room)
{
	reader->room = room * sizeof(struct fence_exporter_event);
	return !pthread_create(&reader->thread, NULL, read_into_page, reader) &&
	       held_page_reached(&reader->page, LONG_MS) == 1;
}

/* Releases the reader. Returns how many events it has read. */
static int let_go(struct reader *reader)
{
	int ret = held_page_release(&reader->page);

	if (ret)
		return ret;
	pthread_join(reader->thread, NULL);
	return reader->ret;
}

TEST_F(read_held_up, nonblocking)
{
	struct pollfd poll_tl = { .fd = self->tl, .events = POLLIN };

	ASSERT_EQ(0, fcntl(self->tl, F_SETFL, O_NONBLOCK));
	ASSERT_TRUE(hold_up(&self->reader, 1));
	EXPECT_EQ(EAGAIN, child_outcome(read_elsewhere(self->tl), 0, LONG_MS));
	/* The timeline must not be ready: a caller that polls would repeat its read in a loop. */
	EXPECT_EQ(0, poll(&poll_tl, 1, 0));
	EXPECT_EQ(1, let_go(&self->reader));
	EXPECT_EQ(1, poll(&poll_tl, 1, 0));
	EXPECT_EQ(HAS_READ(COUNT - 2), child_outcome(read_elsewhere(self->tl), 0, LONG_MS));
}

TEST_F(read_held_up, killed)
{
	pid_t pid;

	ASSERT_TRUE(hold_up(&self->reader, COUNT));
	pid = read_elsewhere(self->tl);
	EXPECT_EQ(CHILD_KILLED, child_outcome(pid, SIGKILL, LONG_MS));
	/* The killed process has not taken any events. */
	EXPECT_EQ(COUNT - 1, let_go(&self->reader));
}

TEST_F(read_held_up, interrupted)
{
	pid_t pid;

	ASSERT_TRUE(hold_up(&self->reader, COUNT));
	pid = read_elsewhere(self->tl);
	EXPECT_EQ(EINTR, child_outcome(pid, SIGUSR1, LONG_MS));
	EXPECT_EQ(COUNT - 1, let_go(&self->reader));
}

/* When the first reader is done, the next one gets the remaining events. */
TEST_F(read_held_up, next_reader_wakes)
{
	pid_t pid;

	ASSERT_TRUE(hold_up(&self->reader, 1));
	pid = read_elsewhere(self->tl);
	EXPECT_EQ(1, let_go(&self->reader));
	EXPECT_EQ(HAS_READ(COUNT - 2), child_outcome(pid, 0, LONG_MS));
}

/* If the copy of the first reader fails, the events remain for the next reader. */
TEST_F(read_held_up, next_reader_wakes_after_a_fault)
{
	pid_t pid;

	ASSERT_TRUE(hold_up(&self->reader, COUNT));
	pid = read_elsewhere(self->tl);
	ASSERT_EQ(0, held_page_remove(&self->reader.page));
	pthread_join(self->reader.thread, NULL);
	EXPECT_EQ(-EFAULT, self->reader.ret);
	EXPECT_EQ(HAS_READ(COUNT - 1), child_outcome(pid, 0, LONG_MS));
}

/* The first reader is killed while it is held up by a page of its own. */
TEST_F(read_held_up, next_reader_wakes_after_a_kill)
{
	pid_t held, next;
	struct held_page page;

	held = fork();
	ASSERT_LE(0, held);
	if (!held) {
		if (!held_page(&page))
			read(self->tl, page.memory, page.size);
		_exit(1);
	}
	wait_until_asleep(held);
	next = read_elsewhere(self->tl);
	EXPECT_EQ(CHILD_KILLED, child_outcome(held, SIGKILL, LONG_MS));
	EXPECT_EQ(HAS_READ(COUNT - 1), child_outcome(next, 0, LONG_MS));
}

TEST_F(read_held_up, epoll_is_told_when_the_reader_ends)
{
	struct epoll_event ready = { .events = EPOLLIN | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_LE(0, epoll);
	ASSERT_TRUE(hold_up(&self->reader, 1));
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->tl, &ready));
	EXPECT_EQ(0, epoll_wait(epoll, &ready, 1, 0));
	EXPECT_EQ(1, let_go(&self->reader));
	EXPECT_EQ(1, epoll_wait(epoll, &ready, 1, LONG_MS));
}

/* Only other readers wait for the reader. The reader also gets the events that happen meanwhile. */
TEST_F(read_held_up, everything_else_goes_on)
{
	ASSERT_TRUE(hold_up(&self->reader, COUNT));
	EXPECT_EQ(0, fence_wait(self->fds[COUNT - 1], 0));
	EXPECT_EQ(COUNT, timeline_state(self->tl).pending);
	EXPECT_LE(0, fence_create(self->tl));
	EXPECT_EQ(COUNT, fence_signal(self->tl, COUNT, 0));
	EXPECT_EQ(COUNT, let_go(&self->reader));
}

TEST_HARNESS_MAIN

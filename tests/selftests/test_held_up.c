// SPDX-License-Identifier: GPL-2.0
/*
 * A thread in a call on a timeline is held up at a copy to user space, for as long as user
 * space likes. What others do on the timeline either goes on, or waits so that a signal ends
 * it; where a call must not wait, it fails.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "fence.h"
#include "held_page.h"
#include "harness.h"
#include "sw_sync.h"
#include "sw_sync_abi.h"

#define TIMEOUT_NS	(60 * NSEC_PER_SEC)
#define COUNT		3
/* Exit status of a process that has read so many events. Its errno where it has failed. */
#define HAS_READ(n)	(128 + (n))
/* Of one that a signal has ended. */
#define KILLED		256
/* Of one that has not ended. */
#define STUCK		257

static void nothing(int signal)
{
	(void)signal;
}

/* What ended @pid, at the latest after LONG_MS; it gets @signal, unless 0, until then. */
static int outcome(pid_t pid, int signal)
{
	__u64 end = now_ns() + LONG_MS * NSEC_PER_MSEC;
	int status;

	do {
		if (signal)
			kill(pid, signal);
		sleep_ms(5);
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : KILLED;
	} while (now_ns() < end);
	return STUCK;
}

/* A process that a SIGUSR1 interrupts, from its beginning on. */
static pid_t fork_with_handler(void)
{
	struct sigaction action = { .sa_handler = nothing };

	sigaction(SIGUSR1, &action, NULL);
	return fork();
}

/* Another process reads as many events as there are; that it begins to is awaited. */
static pid_t read_elsewhere(int tl)
{
	struct fence_exporter_event events[2 * COUNT];
	pid_t pid;
	int ret;

	pid = fork_with_handler();
	if (pid) {
		if (pid > 0)
			wait_until_asleep(pid);
		return pid;
	}
	ret = read(tl, events, sizeof(events));
	_exit(ret < 0 ? errno : HAS_READ(ret / (int)sizeof(*events)));
}

/* A thread that reads into a page that holds it up. */
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
	/* The last one is left for what happens while the reader is held up. */
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

/* The reader reads up to @room events, and is held up. */
static bool hold_up(struct reader *reader, int room)
{
	reader->room = room * sizeof(struct fence_exporter_event);
	return !pthread_create(&reader->thread, NULL, read_into_page, reader) &&
	       held_page_reached(&reader->page, LONG_MS) == 1;
}

/* How many events it has read when it is let go. */
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
	EXPECT_EQ(EAGAIN, outcome(read_elsewhere(self->tl), 0));
	/* A caller that polls must not spin. */
	EXPECT_EQ(0, poll(&poll_tl, 1, 0));
	EXPECT_EQ(1, let_go(&self->reader));
	EXPECT_EQ(1, poll(&poll_tl, 1, 0));
	EXPECT_EQ(HAS_READ(COUNT - 2), outcome(read_elsewhere(self->tl), 0));
}

TEST_F(read_held_up, killed)
{
	pid_t pid;

	ASSERT_TRUE(hold_up(&self->reader, COUNT));
	pid = read_elsewhere(self->tl);
	EXPECT_EQ(KILLED, outcome(pid, SIGKILL));
	/* It has taken nothing. */
	EXPECT_EQ(COUNT - 1, let_go(&self->reader));
}

TEST_F(read_held_up, interrupted)
{
	pid_t pid;

	ASSERT_TRUE(hold_up(&self->reader, COUNT));
	pid = read_elsewhere(self->tl);
	EXPECT_EQ(EINTR, outcome(pid, SIGUSR1));
	EXPECT_EQ(COUNT - 1, let_go(&self->reader));
}

/* When the reader ends, another one gets what it has left. */
TEST_F(read_held_up, next_reader_wakes)
{
	pid_t pid;

	ASSERT_TRUE(hold_up(&self->reader, 1));
	pid = read_elsewhere(self->tl);
	EXPECT_EQ(1, let_go(&self->reader));
	EXPECT_EQ(HAS_READ(COUNT - 2), outcome(pid, 0));
}

/* The copy fails: events stay, and another reader gets them. */
TEST_F(read_held_up, next_reader_wakes_after_a_fault)
{
	pid_t pid;

	ASSERT_TRUE(hold_up(&self->reader, COUNT));
	pid = read_elsewhere(self->tl);
	ASSERT_EQ(0, held_page_remove(&self->reader.page));
	pthread_join(self->reader.thread, NULL);
	EXPECT_EQ(-EFAULT, self->reader.ret);
	EXPECT_EQ(HAS_READ(COUNT - 1), outcome(pid, 0));
}

/* The reader that is held up dies, with a page of its own. */
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
	EXPECT_EQ(KILLED, outcome(held, SIGKILL));
	EXPECT_EQ(HAS_READ(COUNT - 1), outcome(next, 0));
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

/* Nothing but reading waits for the reader; it finds what has happened meanwhile. */
TEST_F(read_held_up, everything_else_goes_on)
{
	ASSERT_TRUE(hold_up(&self->reader, COUNT));
	EXPECT_EQ(0, fence_wait(self->fds[COUNT - 1], 0));
	EXPECT_EQ(COUNT, timeline_state(self->tl).pending);
	EXPECT_LE(0, fence_create(self->tl));
	EXPECT_EQ(COUNT, fence_signal(self->tl, COUNT, 0));
	EXPECT_EQ(COUNT, let_go(&self->reader));
}

union emission {
	struct fence_exporter_create create;
	struct fence_exporter_submit submit;
	struct sw_sync_create_fence_data sw_sync;
};

static int created_fd;

FIXTURE(emission_held_up)
{
	union emission good;
	struct held_page page;
	pthread_t emitter;
	int tl;
	int ret;
};

FIXTURE_VARIANT(emission_held_up)
{
	const char *path;
	__u32 flags;
	unsigned long request;
};

FIXTURE_VARIANT_ADD(emission_held_up, create)
{
	.path = FENCE_DEVICE,
	.request = FENCE_EXPORTER_IOC_CREATE,
};

FIXTURE_VARIANT_ADD(emission_held_up, submit)
{
	.path = FENCE_DEVICE,
	.flags = FENCE_EXPORTER_SETUP_ENGINE,
	.request = FENCE_EXPORTER_IOC_SUBMIT,
};

FIXTURE_VARIANT_ADD(emission_held_up, sw_sync)
{
	.path = SW_SYNC_DEVICE,
	.request = SW_SYNC_IOC_CREATE_FENCE,
};

struct emit {
	int tl;
	unsigned long request;
	void *arg;
	int ret;
};

static void *emit(void *arg)
{
	struct emit *emit = arg;

	emit->ret = call(emit->tl, emit->request, emit->arg);
	return NULL;
}

FIXTURE_SETUP(emission_held_up)
{
	int ret;

	switch (variant->request) {
	case FENCE_EXPORTER_IOC_CREATE:
		self->good.create.fds = (unsigned long)&created_fd;
		self->good.create.count = 1;
		break;
	case FENCE_EXPORTER_IOC_SUBMIT:
		self->good.submit.in_fence = -1;
		self->good.submit.duration_ns = NSEC_PER_SEC;
		break;
	default:
		self->good.sw_sync.value = 1;
	}
	ret = held_page_with(&self->page, &self->good, sizeof(self->good));
	if (ret)
		SKIP(return, "no userfaultfd that protects from writing: %s", strerror(-ret));
	self->tl = open(variant->path, O_RDWR | O_CLOEXEC);
	if (self->tl < 0)
		SKIP(return, "no %s", variant->path);
	if (variant->request != SW_SYNC_IOC_CREATE_FENCE)
		ASSERT_EQ(0, timeline_setup(self->tl, "held-up", TIMEOUT_NS, variant->flags));
}

FIXTURE_TEARDOWN(emission_held_up)
{
	close(self->tl);
}

/* A process that waits for the right to make a fence can be killed, and leaves nothing. */
TEST_F(emission_held_up, killed)
{
	struct emit held = { self->tl, variant->request, self->page.memory, 1 };
	union emission arg = self->good;
	pthread_t thread;
	pid_t pid;

	ASSERT_EQ(0, pthread_create(&thread, NULL, emit, &held));
	ASSERT_EQ(1, held_page_reached(&self->page, LONG_MS));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		call(self->tl, variant->request, &arg);
		pause();
	}
	wait_until_asleep(pid);
	EXPECT_EQ(KILLED, outcome(pid, SIGKILL));
	ASSERT_EQ(0, held_page_release(&self->page));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, held.ret);
	EXPECT_EQ(0, call(self->tl, variant->request, &arg));
}

TEST_F(emission_held_up, interrupted)
{
	struct emit held = { self->tl, variant->request, self->page.memory, 1 };
	union emission arg = self->good;
	pthread_t thread;
	pid_t pid;

	if (variant->request == SW_SYNC_IOC_CREATE_FENCE)
		SKIP(return, "not promised for sw_sync");
	ASSERT_EQ(0, pthread_create(&thread, NULL, emit, &held));
	ASSERT_EQ(1, held_page_reached(&self->page, LONG_MS));
	pid = fork_with_handler();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(-call(self->tl, variant->request, &arg));
	EXPECT_EQ(EINTR, outcome(pid, SIGUSR1));
	/* INFO does not wait. */
	EXPECT_EQ(0, timeline_state(self->tl).last_seqno);
	ASSERT_EQ(0, held_page_release(&self->page));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, held.ret);
	EXPECT_EQ(1, timeline_state(self->tl).last_seqno);
}

TEST_HARNESS_MAIN

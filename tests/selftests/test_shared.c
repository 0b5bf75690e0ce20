// SPDX-License-Identifier: GPL-2.0
/* Several threads or processes use one timeline. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "fence.h"
#include "harness.h"

FIXTURE(shared)
{
	struct snapshot before;
	int fds[4];
	int tl;
};

FIXTURE_SETUP(shared)
{
	self->tl = timeline_open();
	ASSERT_LE(0, self->tl);
	ASSERT_EQ(1, fence_create_many(self->tl, self->fds, 4));
	self->before = snapshot(self->tl);
}

FIXTURE_TEARDOWN(shared)
{
	close(self->tl);
}

#define HAMMERS		6
#define HAMMER_MS	2000

struct hammer {
	pthread_t thread;
	int tl;
	unsigned int seed;
	__u64 end;
	__u64 created;
	__u64 signaled;
	int error;
};

/*
 * Makes random calls. They may fail only because of a full quota or a number that is out of range.
 */
static void *hammer(void *arg)
{
	struct hammer *self = arg;
	struct fence_exporter_info info;
	__s64 ret;
	int fds[8];
	int i, count;

	while (now_ns() < self->end && !self->error) {
		timeline_info(self->tl, &info);
		switch (rand_r(&self->seed) % 6) {
		case 0:
		case 1:
			count = rand_r(&self->seed) % 8 + 1;
			ret = fence_create_many(self->tl, fds, count);
			if (ret < 0) {
				self->error = ret == -ENOSPC ? 0 : ret;
				break;
			}
			self->created += count;
			for (i = 0; i < count; i++) {
				fence_wait(fds[i], 0);
				close(fds[i]);
			}
			break;
		case 2:
			ret = fence_signal(self->tl, info.last_seqno, 0);
			if (ret < 0)
				self->error = ret;
			else
				self->signaled += ret;
			break;
		case 3:
			ret = fence_signal(self->tl, info.signaled_seqno + 2, -EIO);
			if (ret < 0 && ret != -EINVAL)
				self->error = ret;
			else if (ret > 0)
				self->signaled += ret;
			break;
		case 4:
			if (timeline_setup(self->tl, "late", 0, 0) != -EBUSY)
				self->error = -EPROTO;
			break;
		default:
			/*
			 * Fences of a CREATE under way are pending, but last_seqno does not include
			 * them.
			 */
			if (info.pending > info.last_seqno + ARRAY_SIZE(fds) ||
			    info.signaled_seqno > info.last_seqno)
				self->error = -ERANGE;
		}
	}
	return NULL;
}

TEST_F(shared, many_threads_on_one_descriptor)
{
	struct hammer hammers[HAMMERS] = {};
	struct fence_exporter_info info;
	__u64 created = 4;
	__u64 signaled = 0;
	int i;

	for (i = 0; i < HAMMERS; i++) {
		hammers[i].tl = self->tl;
		hammers[i].seed = i + 1;
		hammers[i].end = now_ns() + HAMMER_MS * NSEC_PER_MSEC;
		ASSERT_EQ(0, pthread_create(&hammers[i].thread, NULL, hammer,
					    &hammers[i]));
	}
	for (i = 0; i < HAMMERS; i++) {
		pthread_join(hammers[i].thread, NULL);
		EXPECT_EQ(0, hammers[i].error);
		created += hammers[i].created;
		signaled += hammers[i].signaled;
	}
	info = timeline_state(self->tl);
	EXPECT_EQ(created, info.last_seqno);
	EXPECT_EQ(signaled, info.signaled);
	EXPECT_EQ(created, info.signaled + info.pending);
	EXPECT_EQ(info.signaled_seqno, info.signaled);
	EXPECT_EQ(self->before.fds, count_fds());
	/* The timeline still works. */
	EXPECT_EQ(info.pending, fence_signal(self->tl, info.last_seqno, 0));
	EXPECT_EQ(1, fence_wait(self->fds[3], 0));
}

#define CROWD	64
#define RESTARTED_MS	1000

struct crowd {
	int tl;
	atomic_bool stop;
	pthread_t interrupted;
};

/* Creates so many fences with each call that the other thread must wait for it. */
static void *create_crowds(void *arg)
{
	struct crowd *crowd = arg;
	int fds[CROWD];
	__s64 first;
	int i;

	while (!crowd->stop) {
		first = fence_create_many(crowd->tl, fds, CROWD);
		if (first < 0)
			continue;
		fence_signal(crowd->tl, first + CROWD - 1, 0);
		for (i = 0; i < CROWD; i++)
			close(fds[i]);
	}
	return NULL;
}

static void *interrupt(void *arg)
{
	struct crowd *crowd = arg;

	while (!crowd->stop) {
		pthread_kill(crowd->interrupted, SIGUSR1);
		sleep_ms(1);
	}
	return NULL;
}

static void nothing(int signal)
{
	(void)signal;
}

/*
 * Creates fences until that fails or the time is over. Returns the error, or 0. Signals each fence
 * to keep room in the quota: the other thread also signals, but may not run for a while.
 */
static int create_until(int tl, __u64 end)
{
	while (now_ns() < end) {
		__s64 seqno;
		int fd;

		seqno = fence_create_many(tl, &fd, 1);
		if (seqno < 0)
			return seqno;
		fence_signal(tl, seqno, 0);
		close(fd);
	}
	return 0;
}

/*
 * A signal interrupts a CREATE that waits for another thread's CREATE, and nothing is left behind.
 * If the handler was installed with SA_RESTART, the kernel restarts the call without an error.
 */
TEST_F(shared, create_is_interrupted)
{
	struct crowd crowd = { .tl = self->tl, .interrupted = pthread_self() };
	struct sigaction action = { .sa_handler = nothing };
	pthread_t threads[2];

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_EQ(0, pthread_create(&threads[0], NULL, create_crowds, &crowd));
	ASSERT_EQ(0, pthread_create(&threads[1], NULL, interrupt, &crowd));
	EXPECT_EQ(-EINTR, create_until(self->tl, now_ns() + LONG_MS * NSEC_PER_MSEC));
	action.sa_flags = SA_RESTART;
	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	EXPECT_EQ(0, create_until(self->tl, now_ns() + RESTARTED_MS * NSEC_PER_MSEC));
	crowd.stop = true;
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	EXPECT_EQ(self->before.fds, count_fds());
	EXPECT_EQ(0, fence_signal(self->tl, 0, 0));
}

struct closer {
	int tl;
	int ret;
};

static void *read_event(void *arg)
{
	struct closer *closer = arg;
	struct fence_exporter_event event;

	closer->ret = read(closer->tl, &event, sizeof(event));
	return NULL;
}

/* One thread reads events while another one closes the descriptor. */
TEST_F(shared, closed_while_read)
{
	struct closer closer = {
		.tl = timeline_new("events", 0, FENCE_EXPORTER_SETUP_EVENTS),
	};
	pthread_t thread;
	int fd = fence_create(closer.tl);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, pthread_create(&thread, NULL, read_event, &closer));
	sleep_ms(50);
	ASSERT_EQ(0, close(closer.tl));
	/* The read keeps the timeline open until it gets an event, here of a wait. */
	EXPECT_EQ(0, fence_status(fd));
	EXPECT_EQ(1, fence_wait(fd, LONG_MS));
	pthread_join(thread, NULL);
	EXPECT_EQ((int)sizeof(struct fence_exporter_event), closer.ret);
	EXPECT_EQ(-ECANCELED, fence_status(fd));
}

/*
 * Another process receives a timeline, and uses it after the process that opened it has closed it.
 */
TEST_F(shared, handed_to_another_process)
{
	struct fence_exporter_info info;
	int sockets[2];
	int status;
	pid_t child;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		int tl = receive_fd(sockets[1]);

		/* Closes the inherited descriptor, so that only the received one is left. */
		close(self->tl);
		sleep_ms(50);
		if (timeline_info(tl, &info) || info.last_seqno != 4)
			_exit(1);
		if (fence_signal(tl, 2, 0) != 2)
			_exit(2);
		if (fence_create(tl) < 0)
			_exit(3);
		_exit(0);
	}
	info = timeline_state(self->tl);
	ASSERT_EQ(0, send_fd(sockets[0], self->tl));
	ASSERT_EQ(0, close(self->tl));
	self->tl = -1;
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, WEXITSTATUS(status));
	EXPECT_EQ(1, fence_status(self->fds[1]));
	/* The other process has closed the last descriptor. */
	EXPECT_EQ(-ECANCELED, fence_status(self->fds[2]));
}

/* A descriptor that was sent, but not received, keeps its timeline open. */
TEST_F(shared, under_way_in_a_socket)
{
	int sockets[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	ASSERT_EQ(0, send_fd(sockets[0], self->tl));
	ASSERT_EQ(0, close(self->tl));
	self->tl = -1;
	EXPECT_EQ(0, fence_status(self->fds[0]));
	close(sockets[0]);
	close(sockets[1]);
	EXPECT_EQ(1, fence_wait(self->fds[0], LONG_MS));
	EXPECT_EQ(-ECANCELED, fence_status(self->fds[0]));
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Owners that are killed at every point, run out of descriptors, or end at the moment
 * when a timeout ends. Waiters for their fences must wake.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "fence.h"
#include "guest.h"
#include "harness.h"

#define MOST_STOPS	200

FIXTURE(owner)
{
};

FIXTURE_SETUP(owner)
{
}

FIXTURE_TEARDOWN(owner)
{
}

/* Does everything that an owner does. Sends some of the fences over the socket. */
static void own(int socket)
{
	struct fence_exporter_info info;
	int tl = timeline_new("owner", 0, FENCE_EXPORTER_SETUP_EVENTS);
	int engine = timeline_new("engine", 0, FENCE_EXPORTER_SETUP_ENGINE);
	int fds[4];

	fence_create_many(tl, fds, 4);
	send_fd(socket, fds[3]);
	fence_signal_at(tl, 3, now_ns() + NSEC_PER_SEC, 0);
	send_fd(socket, fence_submit(engine, NSEC_PER_MSEC, fds[2], 0));
	send_fd(socket, fence_merge(fds[1], fds[2]));
	fence_wait(fds[1], 0);
	fence_set_deadline(fds[1], now_ns());
	fence_signal(tl, 1, -EIO);
	timeline_info(tl, &info);
	close(fds[3]);
	close(engine);
	close(tl);
}

/* Waits for all fences that came over the socket. Returns how many there were, or -ETIMEDOUT. */
static int all_complete(int socket)
{
	int count = 0;
	int fd;

	while ((fd = receive_fd(socket)) >= 0) {
		if (fence_wait(fd, LONG_MS) != 1)
			return -ETIMEDOUT;
		close(fd);
		count++;
	}
	return count;
}

/* Stops the child at the entry and at the exit of each call, and kills it at the @nth stop. */
static bool kill_at(pid_t child, int nth)
{
	int status;

	while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
		if (!nth--) {
			kill(child, SIGKILL);
			waitpid(child, &status, 0);
			return true;
		}
		ptrace(PTRACE_SYSCALL, child, 0, 0);
	}
	return false;
}

TEST_F_TIMEOUT(owner, killed_at_every_call, 300)
{
	int completed = 0;
	int nth;

	for (nth = 1; nth < MOST_STOPS; nth++) {
		int sockets[2];
		bool killed;
		pid_t child;
		int count;

		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sockets));
		ASSERT_EQ(0, fcntl(sockets[0], F_SETFL, O_NONBLOCK));
		child = fork();
		ASSERT_LE(0, child);
		if (!child) {
			ptrace(PTRACE_TRACEME, 0, 0, 0);
			raise(SIGSTOP);
			own(sockets[1]);
			_exit(0);
		}
		killed = kill_at(child, nth);
		count = all_complete(sockets[0]);
		ASSERT_LE(0, count) TH_LOG("killed at stop %d", nth);
		completed += count;
		close(sockets[0]);
		close(sockets[1]);
		if (!killed)
			break;
	}
	ksft_print_msg("killed at %d places, %d fences that were sent on completed\n", nth - 1,
		       completed);
	ASSERT_GT(MOST_STOPS, nth);
	EXPECT_LT(20, nth);
	EXPECT_LT(20, completed);
}

/* The owner is killed at any time, also in the middle of a call. */
TEST_F_TIMEOUT(owner, killed_at_any_time, 300)
{
	int sockets[2];
	int i;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sockets));
	ASSERT_EQ(0, fcntl(sockets[0], F_SETFL, O_NONBLOCK));
	ASSERT_EQ(0, fcntl(sockets[1], F_SETFL, O_NONBLOCK));
	for (i = 0; i < 150; i++) {
		pid_t child = fork();

		ASSERT_LE(0, child);
		if (!child) {
			for (;;)
				own(sockets[1]);
		}
		usleep(2000 + i % 50 * 100);
		ASSERT_EQ(0, kill(child, SIGKILL));
		ASSERT_EQ(child, waitpid(child, NULL, 0));
		ASSERT_LE(0, all_complete(sockets[0])) TH_LOG("after child %d", i);
	}
}

/* Only n descriptors are left. A call that needs more than n changes nothing. */
TEST_F_TIMEOUT(owner, descriptor_table_full, 300)
{
	int tl = timeline_new("table", 0, 0);
	int engine = timeline_new("engine", 0, FENCE_EXPORTER_SETUP_ENGINE);
	int lowest = dup(0);
	unsigned int left;

	/* Leaves room for one descriptor, with which snapshot() counts the descriptors. */
	close(lowest);
	for (left = 0; left <= FENCE_EXPORTER_MAX_FENCES; left++) {
		struct rlimit before = {}, limit = {};
		struct snapshot old = snapshot(tl);
		struct snapshot old_engine = snapshot(engine);
		int fds[FENCE_EXPORTER_MAX_FENCES];
		__s64 ret;
		int out;

		ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &before));
		limit = before;
		limit.rlim_cur = lowest + left;
		ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
		ret = fence_create_many(tl, fds, FENCE_EXPORTER_MAX_FENCES);
		out = ret < 0 ? fence_submit(engine, 0, -1, 0) : -EMFILE;
		ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &before));
		if (left == FENCE_EXPORTER_MAX_FENCES) {
			EXPECT_EQ(1, ret);
			break;
		}
		ASSERT_EQ(-EMFILE, ret) TH_LOG("with %u left", left);
		if (left) {
			ASSERT_LE(0, out);
			ASSERT_EQ(0, close(out));
		} else {
			ASSERT_EQ(-EMFILE, out);
			ASSERT_TRUE(unchanged(engine, &old_engine));
		}
		ASSERT_TRUE(unchanged(tl, &old));
	}
}

/* Returns how long it takes to create some fences. The shortest of many times excludes delays. */
static __u64 time_of_create(void)
{
	__u64 least = NSEC_PER_SEC;
	int i;

	for (i = 0; i < 50; i++) {
		int tl = timeline_new("time", 0, 0);
		__u64 begin = now_ns();
		int fds[4];
		int j;

		if (fence_create_many(tl, fds, 4) == 1 && now_ns() - begin < least)
			least = now_ns() - begin;
		for (j = 0; j < 4; j++)
			close(fds[j]);
		close(tl);
	}
	return least;
}

/* A timeline's timeout ends before, during or after its close. */
TEST_F_TIMEOUT(owner, timeout_during_close, 300)
{
	__u64 span = time_of_create();
	int timed_out = 0;
	int cancelled = 0;
	int i;

	for (i = 0; i < 1500; i++) {
		int tl = timeline_new("close", 1 + i % 60 * span / 20, 0);
		bool was_cancelled = false;
		int fds[4];
		__u64 until;
		int j;

		ASSERT_EQ(1, fence_create_many(tl, fds, 4));
		until = now_ns() + i % 50 * span / 25;
		while (now_ns() < until)
			;
		ASSERT_EQ(0, close(tl));
		for (j = 0; j < 4; j++) {
			int status = fence_status(fds[j]);

			ASSERT_TRUE(status == -ETIMEDOUT || status == -ECANCELED);
			/* Fences complete in order, so none times out behind a cancelled one. */
			ASSERT_FALSE(was_cancelled && status == -ETIMEDOUT);
			was_cancelled = status == -ECANCELED;
			if (was_cancelled)
				cancelled++;
			else
				timed_out++;
			close(fds[j]);
		}
	}
	ksft_print_msg("%d timed out, %d cancelled\n", timed_out, cancelled);
	EXPECT_LT(0, timed_out);
	EXPECT_LT(0, cancelled);
}

TEST_HARNESS_MAIN

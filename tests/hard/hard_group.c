// SPDX-License-Identifier: GPL-2.0
/*
 * A control group freezes an owner, or refuses memory to it. Waiters for the owner's fences
 * must wake, and other processes must notice nothing.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "fence.h"
#include "guest.h"
#include "module.h"
#include "harness.h"

FIXTURE(group)
{
	char path[128];
};

FIXTURE_SETUP(group)
{
	if (cgroup_new(self->path, sizeof(self->path)))
		SKIP(return, "no control groups");
}

FIXTURE_TEARDOWN(group)
{
	cgroup_write(self->path, "cgroup.kill", "1");
	sleep_ms(100);
	rmdir(self->path);
}

/*
 * Forks an owner in the group. The owner sends its fence over the socket, and then sleeps for ever.
 */
static pid_t owner_in(const char *group, int socket, __u64 timeout_ns)
{
	pid_t child = fork();

	if (!child) {
		int tl;

		if (cgroup_enter(group))
			_exit(1);
		tl = timeline_new("frozen", timeout_ns, 0);
		send_fd(socket, fence_create(tl));
		for (;;)
			pause();
	}
	return child;
}

static int freeze_group(const char *group)
{
	char events[160];
	int i;

	snprintf(events, sizeof(events), "%s/cgroup.events", group);
	if (cgroup_write(group, "cgroup.freeze", "1"))
		return -1;
	for (i = 0; i < 200 && file_value(events, "frozen ") != 1; i++)
		sleep_ms(50);
	return file_value(events, "frozen ") == 1 ? 0 : -1;
}

/*
 * As in a suspend of user space, no process can run that could signal. The fences time out anyway.
 */
TEST_F_TIMEOUT(group, frozen_owner, 120)
{
	int sockets[2];
	pid_t child;
	int fd;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sockets));
	child = owner_in(self->path, sockets[1], 10 * NSEC_PER_SEC);
	ASSERT_LT(0, child);
	fd = receive_fd(sockets[0]);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, freeze_group(self->path));
	EXPECT_EQ(0, fence_status(fd));
	EXPECT_EQ(1, fence_wait(fd, LONG_MS));
	EXPECT_EQ(-ETIMEDOUT, fence_status(fd));
	/* The frozen process still has its timeline open. */
	EXPECT_EQ(-EWOULDBLOCK, module_remove());
	/* A frozen process can be killed. Then its timeline is closed. */
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(child, waitpid(child, NULL, 0));
}

/*
 * At the memory limit of a group, a call fails or its process is killed. Timelines of other
 * processes remain unchanged.
 */
TEST_F_TIMEOUT(group, memory_full, 300)
{
	struct snapshot before;
	/* A debug kernel is so slow that filling even this little memory takes long. */
	int tl = timeline_new("outside", module_limits().max_timeout_ns, 0);
	int fd = fence_create(tl);
	pid_t child;
	int status;

	ASSERT_LE(0, fd);
	before = snapshot(tl);
	ASSERT_EQ(0, cgroup_write(self->path, "memory.max", "1M"));
	cgroup_write(self->path, "memory.oom.group", "1");
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		int fds[FENCE_EXPORTER_MAX_FENCES];
		__s64 ret = 0;
		unsigned int i, j;

		if (cgroup_enter(self->path))
			_exit(255);
		while (ret >= 0) {
			/*
			 * The long timeout keeps these fences from being freed before the group is
			 * full.
			 */
			int more = timeline_new("full", module_limits().max_timeout_ns,
						FENCE_EXPORTER_SETUP_EVENTS);

			ret = more < 0 ? more : 0;
			for (i = 0; i < 4 && ret >= 0; i++) {
				ret = fence_create_many(more, fds, ARRAY_SIZE(fds));
				for (j = 0; ret >= 0 && j < ARRAY_SIZE(fds); j++)
					close(fds[j]);
			}
		}
		_exit(-ret);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ksft_print_msg("the process %s\n", WIFSIGNALED(status) ? "was killed" : "got an error");
	EXPECT_EQ(WIFSIGNALED(status) ? SIGKILL : ENOMEM,
		  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	EXPECT_TRUE(unchanged(tl, &before));
	EXPECT_EQ(1, fence_signal(tl, 1, 0));
	EXPECT_EQ(1, fence_status(fd));
}

TEST_HARNESS_MAIN

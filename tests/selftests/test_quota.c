// SPDX-License-Identifier: GPL-2.0
/* Quotas: fences pending in a timeline, timelines of a user. */
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <linux/capability.h>

#include "fence.h"
#include "harness.h"
#include "sw_sync.h"

FIXTURE(quota)
{
	__u64 max_pending;
	__u64 max_timelines;
	__u64 longest_ns;
	int tl;
};

FIXTURE_SETUP(quota)
{
	/*
	 * The longest timeout: a slow machine needs a while to create as many fences as the quota
	 * allows.
	 */
	self->longest_ns = module_limits().max_timeout_ns;
	self->max_pending = module_limits().max_pending;
	self->max_timelines = module_limits().max_timelines;
	ASSERT_EQ(0, allow_fds(self->max_pending + self->max_timelines + 256));
	self->tl = timeline_new("quota", self->longest_ns, 0);
	ASSERT_LE(0, self->tl);
}

FIXTURE_TEARDOWN(quota)
{
	close(self->tl);
}

/* Creates @count fences. Their descriptors remain open. */
static bool create_fences(int tl, __u64 count)
{
	int fds[FENCE_EXPORTER_MAX_FENCES];

	while (count) {
		__u64 some = count < ARRAY_SIZE(fds) ? count : ARRAY_SIZE(fds);

		if (fence_create_many(tl, fds, some) < 0)
			return false;
		count -= some;
	}
	return true;
}

TEST_F_TIMEOUT(quota, pending, 120)
{
	struct snapshot before;
	int fds[4];

	ASSERT_TRUE(create_fences(self->tl, self->max_pending - 3));
	before = snapshot(self->tl);
	/* CREATE creates all fences or none. Here the quota has room for three. */
	EXPECT_EQ(-ENOSPC, fence_create_many(self->tl, fds, 4));
	EXPECT_TRUE(unchanged(self->tl, &before));
	EXPECT_LT(0, fence_create_many(self->tl, fds, 3));
	before = snapshot(self->tl);
	EXPECT_EQ(-ENOSPC, fence_create(self->tl));
	EXPECT_TRUE(unchanged(self->tl, &before));
	EXPECT_EQ(self->max_pending, before.info.pending);

	/* Fences that have signaled no longer count against the quota. */
	EXPECT_EQ(2, fence_signal(self->tl, 2, 0));
	EXPECT_EQ(-ENOSPC, fence_create_many(self->tl, fds, 3));
	EXPECT_LT(0, fence_create_many(self->tl, fds, 2));
	EXPECT_EQ(-ENOSPC, fence_create(self->tl));
	/* Each timeline has a quota of its own. */
	EXPECT_LE(0, fence_create(timeline_open()));
}

TEST_F_TIMEOUT(quota, jobs, 120)
{
	int engine = timeline_new("engine", self->longest_ns,
				  FENCE_EXPORTER_SETUP_ENGINE);
	struct snapshot before;
	int first;
	__u64 i;

	ASSERT_LE(0, engine);
	first = fence_submit(engine, self->longest_ns, -1, 0);
	ASSERT_LE(0, first);
	for (i = 1; i < self->max_pending; i++) {
		ASSERT_LE(0, fence_submit(engine, 0, -1, 0)) {
			TH_LOG("after %llu jobs", i);
		}
	}
	before = snapshot(engine);
	EXPECT_EQ(-ENOSPC, fence_submit(engine, 0, -1, 0)) {
		TH_LOG("the first job's state: %d", fence_status(first));
	}
	EXPECT_TRUE(unchanged(engine, &before));
	close(engine);
	EXPECT_EQ(-ECANCELED, fence_status(first));
}

TEST_F_TIMEOUT(quota, signal_at, 120)
{
	__u64 later = now_ns() + 3600 * NSEC_PER_SEC;
	struct snapshot before;
	int fd = fence_create(self->tl);
	__u64 count;
	int ret = 0;

	ASSERT_LE(0, fd);
	for (count = 0; count <= self->max_pending; count++) {
		ret = fence_signal_at(self->tl, 1, later, 0);
		if (ret)
			break;
	}
	EXPECT_EQ(-ENOSPC, ret);
	EXPECT_LE(64, count);
	before = snapshot(self->tl);
	EXPECT_EQ(-ENOSPC, fence_signal_at(self->tl, 1, later, 0));
	EXPECT_TRUE(unchanged(self->tl, &before));
	EXPECT_EQ(0, fence_status(fd));
	/* SIGNAL works even if the quota is used up. */
	EXPECT_EQ(1, fence_signal(self->tl, 1, 0));
}

/* Becomes another user who may still open the device. */
static int become(uid_t uid)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct caps[2] = {
		{ .effective = 1 << CAP_DAC_OVERRIDE,
		  .permitted = 1 << CAP_DAC_OVERRIDE },
	};

	if (prctl(PR_SET_KEEPCAPS, 1) || setresuid(uid, uid, uid))
		return -errno;
	return syscall(SYS_capset, &header, caps) ? -errno : 0;
}

/*
 * Opens up to @most timelines, and returns how many it could open. *@why is the error of the next
 * open.
 */
static __u64 open_all(__u64 most, int *why)
{
	__u64 count = 0;

	while (count < most) {
		*why = timeline_open();
		if (*why < 0)
			break;
		count++;
	}
	return count;
}

TEST_F_TIMEOUT(quota, timelines_of_a_user, 120)
{
	int status;
	pid_t child;
	int why = 0;
	int fds;

	/* The fixture has already opened one timeline. */
	EXPECT_EQ(self->max_timelines - 1,
		  open_all(self->max_timelines * 2, &why));
	EXPECT_EQ(-EMFILE, why);
	fds = count_fds();
	EXPECT_EQ(-EMFILE, timeline_open());
	EXPECT_EQ(fds, count_fds());

	/* Another process of the same user is refused, too. A process of another user is not. */
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		if (timeline_open() != -EMFILE)
			_exit(1);
		if (become(12345))
			_exit(2);
		if (timeline_open() < 0)
			_exit(3);
		if (open_all(self->max_timelines * 2, &why) !=
		    self->max_timelines - 1 || why != -EMFILE)
			_exit(4);
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, WEXITSTATUS(status));
	/* Closing a timeline makes room in the quota. */
	close(self->tl);
	self->tl = timeline_open();
	EXPECT_LE(0, self->tl);
	EXPECT_EQ(-EMFILE, timeline_open());
}

/* Both nodes count against one quota. */
TEST_F_TIMEOUT(quota, timelines_of_both_nodes, 120)
{
	int fd = sw_sync_open(SW_SYNC_DEVICE);
	int why = 0;

	if (fd < 0)
		SKIP(return, SW_SYNC_DEVICE " is not there: load with sw_sync=1");
	EXPECT_EQ(self->max_timelines - 2,
		  open_all(self->max_timelines * 2, &why));
	EXPECT_EQ(-EMFILE, why);
	EXPECT_EQ(-EMFILE, sw_sync_open(SW_SYNC_DEVICE));
	close(fd);
	EXPECT_LE(0, timeline_open());
}

/* All timelines are returned to the quota, so that all can be opened again and again. */
TEST_F_TIMEOUT(quota, given_back, 120)
{
	int status;
	pid_t child;
	int round;

	for (round = 0; round < 3; round++) {
		child = fork();
		ASSERT_LE(0, child);
		if (!child) {
			int why;

			_exit(open_all(self->max_timelines, &why) !=
			      self->max_timelines - 1);
		}
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_EQ(0, status);
	}
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Permissions. The nodes belong to root. A process without privileges that has
 * received a fence can wait for it and query its state and names. It can neither
 * signal the fence nor see its timeline. A process that has received the timeline
 * may do everything with it: the descriptor is the permission.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "fence.h"
#include "harness.h"
#include "sw_sync.h"
#include "sw_sync_abi.h"

#define NOBODY	65534

TEST(nodes_are_roots)
{
	static const char *const nodes[] = { FENCE_DEVICE, SW_SYNC_DEVICE };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(nodes); i++) {
		struct stat status;

		if (stat(nodes[i], &status)) {
			ASSERT_EQ(ENOENT, errno);
			ASSERT_NE(0, i) TH_LOG("%s is not there", nodes[i]);
			continue;
		}
		EXPECT_EQ(S_IFCHR | 0600, status.st_mode);
		EXPECT_EQ(0, status.st_uid);
		EXPECT_EQ(0, status.st_gid);
	}
}

FIXTURE(access)
{
	int tl;
	int fence;
	int second;
	int compat;
	/* Directories: of the nodes, and of the entries for the process's descriptors. */
	int nodes;
	int fdinfo;
};

FIXTURE_SETUP(access)
{
	if (geteuid())
		SKIP(return, "needs root");
	self->tl = timeline_new("private", 0, FENCE_EXPORTER_SETUP_EVENTS);
	ASSERT_LE(0, self->tl);
	self->fence = fence_create(self->tl);
	self->second = fence_create(self->tl);
	ASSERT_LE(0, self->second);
	self->compat = sw_sync_open(SW_SYNC_DEVICE);
	/*
	 * These descriptors give access to the directories. So only the node itself can refuse
	 * access.
	 */
	self->nodes = open("/dev", O_PATH | O_CLOEXEC);
	self->fdinfo = open("/proc/self/fdinfo", O_PATH | O_CLOEXEC);
	/*
	 * From here on, the user is nobody. Descriptors remain open, as if another process had
	 * passed them.
	 */
	ASSERT_EQ(0, setresgid(NOBODY, NOBODY, NOBODY));
	ASSERT_EQ(0, setresuid(NOBODY, NOBODY, NOBODY));
	/* Without this, the files of the process in /proc would belong to root. */
	ASSERT_EQ(0, prctl(PR_SET_DUMPABLE, 1));
}

FIXTURE_TEARDOWN(access)
{
}

TEST_F(access, cannot_open)
{
	static const char *const nodes[] = { "fence_exporter", "sw_sync" };
	unsigned int i;

	for (i = 0; i < (self->compat < 0 ? 1 : 2); i++) {
		EXPECT_EQ(-1, openat(self->nodes, nodes[i], O_RDWR));
		EXPECT_EQ(EACCES, errno);
		EXPECT_EQ(-1, openat(self->nodes, nodes[i], O_RDONLY));
		EXPECT_EQ(EACCES, errno);
		EXPECT_EQ(-1, fchmodat(self->nodes, nodes[i], 0666, 0));
		EXPECT_EQ(EPERM, errno);
	}
}

TEST_F(access, may_wait_and_ask)
{
	struct sync_fence_info fence;
	int merged;

	EXPECT_EQ(0, fence_status(self->fence));
	EXPECT_EQ(0, fence_wait(self->fence, 10));
	EXPECT_EQ(0, fence_describe(self->fence, &fence));
	EXPECT_STREQ("private", fence.obj_name);
	EXPECT_STREQ("fence_exporter", fence.driver_name);
	EXPECT_EQ(0, fence_set_deadline(self->fence, now_ns()));
	merged = fence_merge(self->fence, self->second);
	EXPECT_LE(0, merged);
	EXPECT_EQ(0, fence_status(merged));
}

/* Calls all ioctl numbers of both nodes on a fence, and tries every other way to change a file. */
TEST_F(access, cannot_signal)
{
	struct { __u64 words[32]; } arg = { { 1 } };
	struct fence_exporter_info info;
	unsigned int nr;

	for (nr = 0; nr < 256; nr++) {
		EXPECT_EQ(-ENOTTY, call(self->fence, _IOWR(FENCE_EXPORTER_IOC_MAGIC, nr,
							   struct fence_exporter_signal), &arg));
		EXPECT_EQ(-ENOTTY, call(self->fence, _IOW('W', nr, __u32), &arg));
	}
	EXPECT_EQ(-ENOTTY, timeline_info(self->fence, &info));
	EXPECT_EQ(-1, write(self->fence, &arg, sizeof(arg)));
	EXPECT_EQ(-1, read(self->fence, &arg, sizeof(arg)));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, self->fence, 0));
	EXPECT_EQ(-1, ftruncate(self->fence, 0));
	EXPECT_EQ(0, fence_status(self->fence));
	EXPECT_EQ(0, fence_status(self->second));
}

/* The holder of a fence learns no more about it than sync_file tells about any fence. */
TEST_F(access, sees_no_timeline)
{
	char text[1024] = {};
	char name[16];
	int fd;

	snprintf(name, sizeof(name), "%d", self->fence);
	fd = openat(self->fdinfo, name, O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_LT(0, read(fd, text, sizeof(text) - 1));
	EXPECT_EQ(NULL, strstr(text, "timeline-name"));
	EXPECT_EQ(NULL, strstr(text, "pending"));
}

TEST_F(access, timeline_is_its_descriptors)
{
	struct fence_exporter_info info;

	EXPECT_EQ(0, timeline_info(self->tl, &info));
	EXPECT_EQ(1, fence_signal(self->tl, 1, 0));
	EXPECT_EQ(1, fence_status(self->fence));
	EXPECT_EQ(0, fence_status(self->second));
}

TEST_HARNESS_MAIN

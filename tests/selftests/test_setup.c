// SPDX-License-Identifier: GPL-2.0
/* SETUP: sets the name, timeout and kind of a timeline, once, before its first fence. */
#include <sched.h>
#include <sys/prctl.h>

#include "fence.h"
#include "harness.h"

FIXTURE(setup)
{
	__u64 default_ns;
	__u64 max_ns;
	int tl;
};

FIXTURE_SETUP(setup)
{
	self->default_ns = module_limits().default_timeout_ns;
	self->max_ns = module_limits().max_timeout_ns;
	self->tl = timeline_open();
	ASSERT_LE(0, self->tl);
}

FIXTURE_TEARDOWN(setup)
{
	close(self->tl);
}

/* Reads the name of the timeline from one of its fences. */
static void name_of_fence(int tl, char *name, size_t size)
{
	struct sync_fence_info fence = {};
	int fd = fence_create(tl);

	fence_describe(fd, &fence);
	snprintf(name, size, "%s", fence.obj_name);
	close(fd);
}

TEST_F(setup, default_name)
{
	char expected[64];
	char seen[64];
	char comm[16];

	ASSERT_EQ(0, prctl(PR_SET_NAME, "compositor"));
	close(self->tl);
	self->tl = timeline_open();
	ASSERT_LE(0, self->tl);
	ASSERT_EQ(0, prctl(PR_GET_NAME, comm));
	snprintf(expected, sizeof(expected), "%s-%d", comm, getpid());
	EXPECT_TRUE(timeline_is_named(self->tl, expected));
	name_of_fence(self->tl, seen, sizeof(seen));
	EXPECT_STREQ(expected, seen);
}

/* A process that receives a fence of a container must not learn a pid of the host. */
TEST_F(setup, default_name_in_a_pid_namespace)
{
	char expected[64];
	char comm[16];
	pid_t pid;

	if (unshare(CLONE_NEWPID))
		SKIP(return, "no pid namespaces: %s", strerror(errno));
	ASSERT_EQ(0, prctl(PR_GET_NAME, comm));
	snprintf(expected, sizeof(expected), "%s-1", comm);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		int tl = timeline_open();

		_exit(tl < 0 ? 2 : !timeline_is_named(tl, expected));
	}
	EXPECT_EQ(0, child_outcome(pid, 0, LONG_MS));
}

TEST_F(setup, names)
{
	static const char * const names[] = {
		"a", "gpu0", "Display Engine 0", "~!@#$%^&*()", "unbound",
		"0123456789012345678901234567890",
	};
	char seen[64];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		int tl = timeline_new(names[i], 0, 0);

		EXPECT_LE(0, tl) {
			TH_LOG("with the name \"%s\"", names[i]);
			continue;
		}
		EXPECT_TRUE(timeline_is_named(tl, names[i]));
		name_of_fence(tl, seen, sizeof(seen));
		EXPECT_STREQ(names[i], seen);
		close(tl);
	}
}

TEST_F(setup, refuses_names)
{
	static const char * const names[] = {
		"two\nlines", "tab\there", "bell\a", "del\x7f",
		"latin\xe9", "\xc3\xa9", "\x01", "esc\x1b[31m",
		"01234567890123456789012345678901",
	};
	struct snapshot before = snapshot(self->tl);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		EXPECT_EQ(-EINVAL, timeline_setup(self->tl, names[i], 0, 0)) {
			TH_LOG("with name %u of the table", i);
		}
	}
	EXPECT_TRUE(unchanged(self->tl, &before));
	/* SETUP is possible only once. The refused calls do not count. */
	EXPECT_EQ(0, timeline_setup(self->tl, "good", 0, 0));
	EXPECT_TRUE(timeline_is_named(self->tl, "good"));
}

TEST_F(setup, only_once)
{
	struct snapshot before;

	ASSERT_EQ(0, timeline_setup(self->tl, "first", NSEC_PER_SEC, 0));
	before = snapshot(self->tl);
	EXPECT_EQ(-EBUSY, timeline_setup(self->tl, "second", 0, 0));
	EXPECT_EQ(-EBUSY, timeline_setup(self->tl, "first", NSEC_PER_SEC, 0));
	EXPECT_TRUE(unchanged(self->tl, &before));
}

TEST_F(setup, not_after_a_fence)
{
	struct snapshot before;

	ASSERT_LE(0, fence_create(self->tl));
	before = snapshot(self->tl);
	EXPECT_EQ(-EBUSY, timeline_setup(self->tl, "late", 0, 0));
	ASSERT_EQ(1, fence_signal(self->tl, 1, 0));
	EXPECT_EQ(-EBUSY, timeline_setup(self->tl, "late", 0, 0));
	EXPECT_TRUE(timeline_is_named(self->tl, before.info.name));
}

/* A CREATE that has failed left no fence behind. So SETUP is still possible. */
TEST_F(setup, after_a_failed_create)
{
	EXPECT_EQ(-EFAULT, fence_create_many(self->tl, NULL, 1));
	EXPECT_EQ(0, timeline_setup(self->tl, "still", 0, 0));
}

TEST_F(setup, timeouts)
{
	__u64 good[] = { 1, NSEC_PER_MSEC, NSEC_PER_SEC, self->max_ns };
	__u64 bad[] = { self->max_ns + 1, 1ULL << 63, ~0ULL };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		int tl = timeline_new("timed", good[i], 0);

		ASSERT_LE(0, tl);
		EXPECT_EQ(good[i], timeline_state(tl).timeout_ns);
		close(tl);
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, timeline_setup(self->tl, "timed", bad[i], 0));
	EXPECT_EQ(self->default_ns, timeline_state(self->tl).timeout_ns);
	EXPECT_EQ(0, timeline_setup(self->tl, "default", 0, 0));
	EXPECT_EQ(self->default_ns, timeline_state(self->tl).timeout_ns);
}

TEST_F(setup, flags)
{
	static const __u32 flags[] = {
		0, FENCE_EXPORTER_SETUP_EVENTS, FENCE_EXPORTER_SETUP_ENGINE,
		FENCE_EXPORTER_SETUP_EVENTS | FENCE_EXPORTER_SETUP_ENGINE,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		__u32 expected = 0;
		int tl = timeline_new("flags", 0, flags[i]);

		ASSERT_LE(0, tl);
		if (flags[i] & FENCE_EXPORTER_SETUP_EVENTS)
			expected |= FENCE_EXPORTER_INFO_EVENTS;
		if (flags[i] & FENCE_EXPORTER_SETUP_ENGINE)
			expected |= FENCE_EXPORTER_INFO_ENGINE;
		EXPECT_EQ(expected, timeline_state(tl).flags);
		close(tl);
	}
}

TEST_F(setup, refuses_flags)
{
	struct snapshot before = snapshot(self->tl);
	unsigned int bit;

	for (bit = 2; bit < 32; bit++)
		EXPECT_EQ(-EINVAL, timeline_setup(self->tl, "flags", 0, 1U << bit));
	EXPECT_TRUE(unchanged(self->tl, &before));
}

/* A caller that only wants to set a timeout passes an empty name. */
TEST_F(setup, keeps_the_name)
{
	struct fence_exporter_info before = timeline_state(self->tl);
	char seen[64];

	EXPECT_EQ(0, timeline_setup(self->tl, "", NSEC_PER_SEC, 0));
	EXPECT_TRUE(timeline_is_named(self->tl, before.name));
	EXPECT_EQ(NSEC_PER_SEC, timeline_state(self->tl).timeout_ns);
	name_of_fence(self->tl, seen, sizeof(seen));
	EXPECT_STREQ(before.name, seen);
}

/* A mask of events is refused without FENCE_EXPORTER_SETUP_EVENTS. */
TEST_F(setup, event_masks)
{
	struct fence_exporter_setup arg = {
		.event_mask = FENCE_EXPORTER_EVENT_BIT(FENCE_EXPORTER_EVENT_WAIT),
	};
	__u32 types = module_limits().event_types;
	struct snapshot before = snapshot(self->tl);
	unsigned int bit;

	EXPECT_EQ(-EINVAL, call(self->tl, FENCE_EXPORTER_IOC_SETUP, &arg));
	arg.flags = FENCE_EXPORTER_SETUP_EVENTS;
	for (bit = 0; bit < 32; bit++) {
		if (types & 1U << bit)
			continue;
		arg.event_mask = 1U << bit | types;
		EXPECT_EQ(-EINVAL, call(self->tl, FENCE_EXPORTER_IOC_SETUP, &arg)) {
			TH_LOG("with bit %u", bit);
		}
	}
	EXPECT_TRUE(unchanged(self->tl, &before));
	EXPECT_EQ(0, timeline_state(self->tl).event_mask);
	arg.event_mask = FENCE_EXPORTER_EVENT_BIT(FENCE_EXPORTER_EVENT_WAIT);
	EXPECT_EQ(0, call(self->tl, FENCE_EXPORTER_IOC_SETUP, &arg));
	EXPECT_EQ(FENCE_EXPORTER_EVENT_BIT(FENCE_EXPORTER_EVENT_WAIT) |
		  FENCE_EXPORTER_EVENT_BIT(FENCE_EXPORTER_EVENT_OVERFLOW),
		  timeline_state(self->tl).event_mask);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/* SETUP: a timeline's name, timeout and kind; once, before its first fence. */
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
	self->default_ns = module_param("timeout_ms", 10000) * NSEC_PER_MSEC;
	self->max_ns = module_param("max_timeout_ms", 60000) * NSEC_PER_MSEC;
	self->tl = timeline_open();
	ASSERT_LE(0, self->tl);
}

FIXTURE_TEARDOWN(setup)
{
	close(self->tl);
}

/* The timeline's name as the holder of a fence sees it. */
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

TEST_F(setup, names)
{
	static const char * const names[] = {
		"a", "gpu0", "Display Engine 0", "~!@#$%^&*()", "unbound2",
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
		"", "unbound", "two\nlines", "tab\there", "bell\a", "del\x7f",
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
	/* None of them has used up the one SETUP. */
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

/* A CREATE that failed has left no fence. */
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

TEST_F(setup, refuses_flags_and_padding)
{
	struct fence_exporter_setup arg = { .name = "flags", .pad = 1 };
	struct snapshot before = snapshot(self->tl);
	unsigned int bit;

	for (bit = 2; bit < 32; bit++)
		EXPECT_EQ(-EINVAL, timeline_setup(self->tl, "flags", 0, 1U << bit));
	EXPECT_EQ(-EINVAL, call(self->tl, FENCE_EXPORTER_IOC_SETUP, &arg));
	arg.pad = 1U << 31;
	EXPECT_EQ(-EINVAL, call(self->tl, FENCE_EXPORTER_IOC_SETUP, &arg));
	EXPECT_TRUE(unchanged(self->tl, &before));
}

TEST_HARNESS_MAIN

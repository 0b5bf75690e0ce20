// SPDX-License-Identifier: GPL-2.0
/*
 * What a caller makes the driver allocate is charged to the caller's memory
 * cgroup. Measured against as many eventfds: descriptors of the same kind, with
 * nothing behind them that is charged.
 */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "fence.h"
#include "kselftest_harness.h"

#define ROOT		"/sys/fs/cgroup"
#define COUNT		8192
/* A dma_fence has 64 bytes without lock debugging. */
#define FENCE_BYTES	64

static long long read_number(const char *path)
{
	long long value = -1;
	FILE *file = fopen(path, "re");

	if (!file)
		return -errno;
	if (fscanf(file, "%lld", &value) != 1)
		value = -EIO;
	fclose(file);
	return value;
}

FIXTURE(memcg)
{
	char path[64];
	char current[96];
};

FIXTURE_SETUP(memcg)
{
	char procs[96];

	if (access(ROOT "/cgroup.controllers", F_OK))
		mount("none", ROOT, "cgroup2", 0, NULL);
	if (write_file(ROOT "/cgroup.subtree_control", "+memory"))
		SKIP(return, "no memory controller in " ROOT);
	snprintf(self->path, sizeof(self->path), ROOT "/fence-%d", getpid());
	ASSERT_EQ(0, mkdir(self->path, 0755));
	snprintf(self->current, sizeof(self->current), "%s/memory.current",
		 self->path);
	snprintf(procs, sizeof(procs), "%s/cgroup.procs", self->path);
	ASSERT_EQ(0, write_file(procs, "0"));
	ASSERT_EQ(0, allow_fds(2 * COUNT + 64));
}

FIXTURE_TEARDOWN(memcg)
{
	write_file(ROOT "/cgroup.procs", "0");
	rmdir(self->path);
}

TEST_F_TIMEOUT(memcg, fences_are_charged, 120)
{
	int fds[FENCE_EXPORTER_MAX_FENCES];
	long long start, eventfds, fences;
	int tl = timeline_open();
	int i;

	ASSERT_LE(0, tl);
	/* What comes once only: the table of descriptors. */
	ASSERT_LE(0, fcntl(tl, F_DUPFD, 2 * COUNT));
	start = read_number(self->current);
	ASSERT_LE(0, start);
	for (i = 0; i < COUNT; i++)
		ASSERT_LE(0, eventfd(0, EFD_CLOEXEC));
	eventfds = read_number(self->current) - start;
	start += eventfds;
	for (i = 0; i < COUNT; i += ARRAY_SIZE(fds))
		ASSERT_LT(0, fence_create_many(tl, fds, ARRAY_SIZE(fds)));
	fences = read_number(self->current) - start;
	ksft_print_msg("%lld bytes charged for a fence, %lld for an eventfd\n",
		       fences / COUNT, eventfds / COUNT);
	EXPECT_LE(eventfds + COUNT * FENCE_BYTES, fences);
}

TEST_F_TIMEOUT(memcg, timelines_are_charged, 120)
{
	enum { TIMELINES = 500 };
	long long start, eventfds, timelines;
	int i;

	ASSERT_LE(0, fcntl(0, F_DUPFD, 2 * COUNT));
	start = read_number(self->current);
	ASSERT_LE(0, start);
	for (i = 0; i < TIMELINES; i++)
		ASSERT_LE(0, eventfd(0, EFD_CLOEXEC));
	eventfds = read_number(self->current) - start;
	start += eventfds;
	/* With events: their queue is the largest thing that a timeline has. */
	for (i = 0; i < TIMELINES; i++)
		ASSERT_LE(0, timeline_new("charged", 0,
					  FENCE_EXPORTER_SETUP_EVENTS));
	timelines = read_number(self->current) - start;
	ksft_print_msg("%lld bytes charged for a timeline\n",
		       timelines / TIMELINES);
	EXPECT_LE(TIMELINES * 8192LL, timelines);
}

/* What was charged is given back, at the latest after a few grace periods. */
TEST_F_TIMEOUT(memcg, charge_is_given_back, 120)
{
	long long before, now = 0;
	pid_t child;
	int status;
	int i;

	before = read_number(self->current);
	ASSERT_LE(0, before);
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		int fds[FENCE_EXPORTER_MAX_FENCES];
		int tl = timeline_open();

		for (i = 0; i < COUNT; i += ARRAY_SIZE(fds)) {
			if (fence_create_many(tl, fds, ARRAY_SIZE(fds)) < 0)
				_exit(1);
		}
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(0, status);
	/* Charges are kept by the hundred kilobytes for each processor. */
	for (i = 0; i < 300; i++) {
		now = read_number(self->current);
		if (now < before + 1024 * 1024)
			break;
		sleep_ms(100);
	}
	EXPECT_GT(before + 1024 * 1024, now);
}

TEST_HARNESS_MAIN

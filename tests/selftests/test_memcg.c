// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that the driver allocates for a caller is charged to the caller's memory
 * cgroup. The tests compare the charge with that of as many eventfds, which are
 * descriptors without further memory that is charged.
 */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "fence.h"
#include "harness.h"
#include "sw_sync.h"

#define ROOT		"/sys/fs/cgroup"
#define COUNT		4096
/* The size of a dma_fence without lock debugging. */
#define FENCE_BYTES	64

/*
 * The kernel updates the statistics of a group for a reader only after 64 pages for each processor
 * have changed. So this changes more pages than that.
 */
static void have_it_summed_up(void)
{
	size_t size = 4 * 64 * sysconf(_SC_PAGESIZE) *
		      sysconf(_SC_NPROCESSORS_ONLN);
	void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (pages != MAP_FAILED)
		munmap(pages, size);
}

/*
 * Returns the kernel memory of a group in bytes. memory.current would also include up to 64 pages
 * for each processor that are charged in advance.
 */
static long long kernel_memory(const char *path)
{
	long long value = -ENODATA;
	FILE *file;
	char line[128];

	have_it_summed_up();
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "kernel %lld", &value) == 1)
			break;
	fclose(file);
	return value;
}

FIXTURE(memcg)
{
	char path[64];
	char stat[96];
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
	snprintf(self->stat, sizeof(self->stat), "%s/memory.stat", self->path);
	snprintf(procs, sizeof(procs), "%s/cgroup.procs", self->path);
	ASSERT_EQ(0, write_file(procs, "0"));
	ASSERT_EQ(0, allow_fds(3 * COUNT + 64));
}

FIXTURE_TEARDOWN(memcg)
{
	write_file(ROOT "/cgroup.procs", "0");
	rmdir(self->path);
}

static int open_eventfds(int count)
{
	while (count--)
		if (eventfd(0, EFD_CLOEXEC) < 0)
			return -errno;
	return 0;
}

static int create_native(int tl)
{
	int fds[FENCE_EXPORTER_MAX_FENCES];
	int i;

	for (i = 0; i < COUNT; i += ARRAY_SIZE(fds)) {
		__s64 ret = fence_create_many(tl, fds, ARRAY_SIZE(fds));

		if (ret < 0)
			return ret;
	}
	return 0;
}

static int create_compatible(int tl)
{
	int i;

	for (i = 1; i <= COUNT; i++) {
		int fd = sw_sync_create(tl, i);

		if (fd < 0)
			return fd;
	}
	return 0;
}

/* Returns how many bytes more are charged for COUNT fences than for COUNT eventfds, or -errno. */
static long long charge(const char *stat, int tl, int (*create)(int tl))
{
	long long before, fences, eventfds;
	int ret;

	/* Excludes what is allocated only once: the table of descriptors, and the first objects. */
	ret = fcntl(tl, F_DUPFD, 3 * COUNT);
	if (ret < 0)
		return -errno;
	ret = open_eventfds(COUNT);
	if (ret)
		return ret;
	before = kernel_memory(stat);
	ret = create(tl);
	if (ret)
		return ret;
	fences = kernel_memory(stat) - before;
	ret = open_eventfds(COUNT);
	if (ret)
		return ret;
	eventfds = kernel_memory(stat) - before - fences;
	ksft_print_msg("%lld bytes charged for a fence, %lld for an eventfd\n",
		       fences / COUNT, eventfds / COUNT);
	return eventfds > 0 ? fences - eventfds : -ENODATA;
}

TEST_F_TIMEOUT(memcg, fences_are_charged, 120)
{
	int tl = timeline_open();

	ASSERT_LE(0, tl);
	EXPECT_LE(COUNT * FENCE_BYTES, charge(self->stat, tl, create_native));
}

TEST_F_TIMEOUT(memcg, compatible_fences_are_charged, 120)
{
	int tl = sw_sync_open(SW_SYNC_DEVICE);

	if (tl < 0)
		SKIP(return, "no " SW_SYNC_DEVICE);
	EXPECT_LE(COUNT * FENCE_BYTES, charge(self->stat, tl, create_compatible));
}

TEST_F_TIMEOUT(memcg, timelines_are_charged, 120)
{
	enum { TIMELINES = 500 };
	long long before, timelines;
	int i;

	ASSERT_LE(0, fcntl(0, F_DUPFD, 2 * TIMELINES));
	before = kernel_memory(self->stat);
	ASSERT_LT(0, before);
	/* With events, because the queue of events is the largest part of a timeline. */
	for (i = 0; i < TIMELINES; i++)
		ASSERT_LE(0, timeline_new("charged", 0,
					  FENCE_EXPORTER_SETUP_EVENTS));
	timelines = kernel_memory(self->stat) - before;
	ksft_print_msg("%lld bytes charged for a timeline\n",
		       timelines / TIMELINES);
	EXPECT_LE(TIMELINES * 8192LL, timelines);
}

/*
 * When the fences and the timeline are freed, their charge is returned within a few grace periods.
 */
TEST_F_TIMEOUT(memcg, charge_is_given_back, 120)
{
	long long before, now = 0;
	pid_t child;
	int status;
	int i;

	before = kernel_memory(self->stat);
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
	/* The kernel keeps some slabs for reuse, which remain charged. */
	for (i = 0; i < 300; i++) {
		now = kernel_memory(self->stat);
		if (now < before + COUNT * FENCE_BYTES)
			break;
		sleep_ms(100);
	}
	ksft_print_msg("%lld bytes kept\n", now - before);
	EXPECT_GT(before + COUNT * FENCE_BYTES, now);
}

TEST_HARNESS_MAIN

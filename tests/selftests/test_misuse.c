// SPDX-License-Identifier: GPL-2.0
/*
 * Mistakes of a caller: the call fails with an errno, changes nothing and leaks
 * nothing. (test_struct_size has wrong sizes. The tests of the calls have wrong
 * counts and numbers.)
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "fence.h"
#include "harness.h"

/* The size of the arguments below. No structure of the interface is larger. */
#define ARG_SIZE	256

static const struct {
	const char *name;
	unsigned long request;
} calls[] = {
	{ "SETUP", FENCE_EXPORTER_IOC_SETUP },
	{ "CREATE", FENCE_EXPORTER_IOC_CREATE },
	{ "SIGNAL", FENCE_EXPORTER_IOC_SIGNAL },
	{ "SIGNAL_AT", FENCE_EXPORTER_IOC_SIGNAL_AT },
	{ "SUBMIT", FENCE_EXPORTER_IOC_SUBMIT },
	{ "INFO", FENCE_EXPORTER_IOC_INFO },
	{ "QUERY", FENCE_EXPORTER_IOC_QUERY },
	{ "EXPORT", FENCE_EXPORTER_IOC_EXPORT },
};

FIXTURE(misuse)
{
	struct snapshot before;
	int fds[4];
	int tl;
};

FIXTURE_SETUP(misuse)
{
	self->tl = timeline_open();
	ASSERT_LE(0, self->tl);
	ASSERT_EQ(1, fence_create_many(self->tl, self->fds, 4));
	self->before = snapshot(self->tl);
}

FIXTURE_TEARDOWN(misuse)
{
	close(self->tl);
}

TEST_F(misuse, bad_pointers)
{
	void *bad[] = {
		NULL, (void *)1, (void *)(LONG_MAX & ~7L), (void *)-1L,
		(void *)-4096L,
	};
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		for (k = 0; k < ARRAY_SIZE(bad); k++) {
			EXPECT_EQ(-EFAULT, call(self->tl, calls[i].request,
						bad[k])) {
				TH_LOG("%s at %p", calls[i].name, bad[k]);
			}
		}
	}
	EXPECT_TRUE(unchanged(self->tl, &self->before));
}

/* The structure ends at the end of mapped memory, or one byte beyond it. */
TEST_F(misuse, at_the_edge_of_memory)
{
	long page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int i;

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, munmap(map + page, page));
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		char *end = map + page - _IOC_SIZE(calls[i].request);

		EXPECT_EQ(-EFAULT, call(self->tl, calls[i].request, end + 1)) {
			TH_LOG("%s", calls[i].name);
		}
		EXPECT_NE(-EFAULT, call(self->tl, calls[i].request, end)) {
			TH_LOG("%s", calls[i].name);
		}
	}
}

TEST_F(misuse, answers_that_cannot_be_written)
{
	long page = sysconf(_SC_PAGESIZE);
	void *map = mmap(NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(-EFAULT, call(self->tl, FENCE_EXPORTER_IOC_INFO, map));
	EXPECT_EQ(-EFAULT, call(self->tl, FENCE_EXPORTER_IOC_QUERY, map));
	EXPECT_TRUE(unchanged(self->tl, &self->before));
}

/* If the answer of SUBMIT can't be written, the job is not queued. */
TEST_F(misuse, submit_answer_that_cannot_be_written)
{
	int engine = timeline_new("engine", 0, FENCE_EXPORTER_SETUP_ENGINE);
	long page = sysconf(_SC_PAGESIZE);
	struct snapshot before = snapshot(engine);
	struct fence_exporter_submit *job;

	job = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		   -1, 0);
	ASSERT_NE(MAP_FAILED, job);
	before = snapshot(engine);
	ASSERT_EQ(0, mprotect(job, page, PROT_READ));
	EXPECT_EQ(-EFAULT, call(engine, FENCE_EXPORTER_IOC_SUBMIT, job));
	EXPECT_TRUE(unchanged(engine, &before));
}

/* If the answer of EXPORT can't be written, no descriptor is installed. */
TEST_F(misuse, export_answer_that_cannot_be_written)
{
	long page = sysconf(_SC_PAGESIZE);
	struct fence_exporter_export *arg;
	struct snapshot before;

	arg = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, arg);
	arg->seqno = 2;
	before = snapshot(self->tl);
	ASSERT_EQ(0, mprotect(arg, page, PROT_READ));
	EXPECT_EQ(-EFAULT, call(self->tl, FENCE_EXPORTER_IOC_EXPORT, arg));
	EXPECT_TRUE(unchanged(self->tl, &before));
}

/* Calls timeline requests on other files, and sync_file requests on a timeline. */
TEST_F(misuse, wrong_kinds_of_descriptor)
{
	struct sync_merge_data merge = { .name = "m", .fd2 = self->tl };
	struct sync_file_info info = {};
	int others[] = {
		self->fds[0], eventfd(0, EFD_CLOEXEC),
		open("/dev/null", O_RDWR | O_CLOEXEC),
		open("/", O_RDONLY | O_CLOEXEC),
	};
	char zeroes[ARG_SIZE] = {};
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		for (k = 0; k < ARRAY_SIZE(calls); k++)
			EXPECT_EQ(-ENOTTY, call(others[i], calls[k].request, zeroes));
	}
	EXPECT_EQ(-ENOTTY, call(self->tl, SYNC_IOC_FILE_INFO, &info));
	EXPECT_EQ(-ENOTTY, call(self->tl, SYNC_IOC_MERGE, &merge));
	EXPECT_EQ(-ENOENT, call(self->fds[0], SYNC_IOC_MERGE, &merge));
	EXPECT_EQ(-EBADF, call(-1, FENCE_EXPORTER_IOC_INFO, zeroes));
}

TEST_F(misuse, calls_of_files)
{
	char bytes[64];

	EXPECT_EQ(-1, write(self->tl, bytes, sizeof(bytes)));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, self->tl, 0));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(-1, ftruncate(self->tl, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, pread(self->tl, bytes, sizeof(bytes), 1 << 20));
	EXPECT_TRUE(unchanged(self->tl, &self->before));
}

/* No call is possible on an O_PATH descriptor. */
TEST_F(misuse, path_descriptor)
{
	int fd = open(FENCE_DEVICE, O_PATH | O_CLOEXEC);
	struct fence_exporter_info info;

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBADF, timeline_info(fd, &info));
}

/* A caller can't flood the log, whatever mistakes it makes. */
TEST_F(misuse, logs_nothing)
{
	int before = count_in_log("fence");
	char zeroes[ARG_SIZE] = {};
	unsigned int i, k;
	int fd;

	ASSERT_LE(0, before);
	for (i = 0; i < 20; i++) {
		for (k = 0; k < ARRAY_SIZE(calls); k++) {
			ASSERT_GE(ARG_SIZE, _IOC_SIZE(calls[k].request));
			call(self->tl, calls[k].request, NULL);
			call(self->tl, calls[k].request, zeroes);
			call(self->tl, calls[k].request + 1, zeroes);
		}
		fd = timeline_new("timed out", 1, 0);
		close(fence_create(fd));
		timeline_setup(fd, "bad\n", 0, ~0U);
		fence_submit(fd, ~0ULL, fd, 1);
		close(fd);
	}
	EXPECT_EQ(before, count_in_log("fence"));
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/* EXPORT: another descriptor for a fence that is pending. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "fence.h"
#include "harness.h"

#define COUNT	64

FIXTURE(export)
{
	int fds[COUNT];
	int tl;
};

FIXTURE_SETUP(export)
{
	self->tl = timeline_new("exported", 0, 0);
	ASSERT_LE(0, self->tl);
	ASSERT_EQ(1, fence_create_many(self->tl, self->fds, COUNT));
}

FIXTURE_TEARDOWN(export)
{
	close(self->tl);
}

/* The new descriptor refers to the same fence, and remains valid after the first one is closed. */
TEST_F(export, is_the_fence)
{
	struct sync_file_info first, second;
	int fd = fence_export(self->tl, 7);

	ASSERT_LE(0, fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	ASSERT_EQ(0, fence_file_info(self->fds[6], &first));
	ASSERT_EQ(0, fence_file_info(fd, &second));
	EXPECT_STREQ(first.name, second.name);
	EXPECT_EQ(1, second.num_fences);
	close(self->fds[6]);
	EXPECT_EQ(0, fence_status(fd));
	ASSERT_EQ(6, fence_signal(self->tl, 6, 0));
	EXPECT_EQ(0, fence_status(fd));
	ASSERT_EQ(1, fence_signal(self->tl, 7, -EIO));
	EXPECT_EQ(-EIO, fence_status(fd));
}

/* Exports each fence, wherever it is among the pending ones. */
TEST_F(export, each)
{
	struct sync_file_info expected, seen;
	__u64 seqno;

	ASSERT_EQ(3, fence_signal(self->tl, 3, 0));
	for (seqno = 4; seqno <= COUNT; seqno++) {
		int fd = fence_export(self->tl, seqno);

		ASSERT_LE(0, fd);
		ASSERT_EQ(0, fence_file_info(self->fds[seqno - 1], &expected));
		ASSERT_EQ(0, fence_file_info(fd, &seen));
		EXPECT_STREQ(expected.name, seen.name);
		close(fd);
	}
}

/* EXPORT works even if no process has a descriptor of the fence. */
TEST_F(export, without_descriptors)
{
	int i, fd;

	for (i = 0; i < COUNT; i++)
		close(self->fds[i]);
	fd = fence_export(self->tl, COUNT);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, fence_status(fd));
	ASSERT_EQ(COUNT, fence_signal(self->tl, COUNT, 0));
	EXPECT_EQ(1, fence_status(fd));
}

TEST_F(export, not_pending)
{
	struct snapshot before;

	ASSERT_EQ(5, fence_signal(self->tl, 5, 0));
	before = snapshot(self->tl);
	EXPECT_EQ(-ENOENT, fence_export(self->tl, 1));
	EXPECT_EQ(-ENOENT, fence_export(self->tl, 5));
	EXPECT_EQ(-EINVAL, fence_export(self->tl, 0));
	EXPECT_EQ(-EINVAL, fence_export(self->tl, COUNT + 1));
	EXPECT_TRUE(unchanged(self->tl, &before));
}

TEST_F(export, timed_out)
{
	int tl = timeline_new("short", NSEC_PER_MSEC, 0);
	int fd = fence_create(tl);

	EXPECT_EQ(1, fence_wait(fd, LONG_MS));
	EXPECT_EQ(-ENOENT, fence_export(tl, 1));
}

/* Exports the fence of a job before the job begins. */
TEST_F(export, of_an_engine)
{
	int tl = timeline_new("engine", 0, FENCE_EXPORTER_SETUP_ENGINE);
	int fd, again;

	ASSERT_LE(0, fence_submit(tl, 100 * NSEC_PER_MSEC, -1, 0));
	fd = fence_submit(tl, NSEC_PER_MSEC, -1, -EIO);
	again = fence_export(tl, 2);
	ASSERT_LE(0, again);
	EXPECT_EQ(1, fence_wait(again, LONG_MS));
	EXPECT_EQ(-EIO, fence_status(again));
	EXPECT_EQ(fence_time(fd), fence_time(again));
}

TEST_F(export, no_descriptors)
{
	struct rlimit limit, none;
	struct snapshot before = snapshot(self->tl);

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	none = limit;
	none.rlim_cur = 0;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	EXPECT_EQ(-EMFILE, fence_export(self->tl, 1));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_TRUE(unchanged(self->tl, &before));
}

struct race {
	int tl;
	__u64 last;
	atomic_ullong signaled;
	atomic_bool done;
};

static void *signal_all(void *arg)
{
	struct race *race = arg;
	__u64 seqno;

	for (seqno = 1; seqno <= race->last; seqno++) {
		if (fence_signal(race->tl, seqno, 0) != 1)
			break;
		atomic_store(&race->signaled, seqno);
	}
	atomic_store(&race->done, true);
	return NULL;
}

/* While another thread signals, EXPORT finds each fence that has not signaled. */
TEST_F_TIMEOUT(export, while_others_signal, 120)
{
	enum { FENCES = 4096 };
	struct race race = { .tl = timeline_new("race", module_limits().max_timeout_ns, 0) };
	unsigned int found = 0, gone = 0;
	pthread_t thread;
	__u64 i;

	for (i = 0; i < FENCES; i++)
		close(fence_create(race.tl));
	race.last = FENCES;
	ASSERT_EQ(0, pthread_create(&thread, NULL, signal_all, &race));
	for (i = 0; !atomic_load(&race.done); i++) {
		__u64 seqno = 1 + i * 61 % FENCES;
		__u64 before = atomic_load(&race.signaled);
		int fd = fence_export(race.tl, seqno);
		int after;

		if (fd == -ENOENT) {
			gone++;
			/*
			 * The fences signal in order. So ENOENT means that all fences up to this
			 * one have signaled.
			 */
			EXPECT_GE(timeline_state(race.tl).signaled_seqno, seqno);
			continue;
		}
		ASSERT_LE(0, fd);
		found++;
		after = fence_status(fd);
		if (seqno <= before)
			EXPECT_EQ(0, seqno);
		EXPECT_TRUE(after == 0 || after == 1);
		close(fd);
	}
	pthread_join(thread, NULL);
	EXPECT_EQ(FENCES, atomic_load(&race.signaled));
	ksft_print_msg("%u found, %u had signaled\n", found, gone);
	close(race.tl);
}

TEST_HARNESS_MAIN

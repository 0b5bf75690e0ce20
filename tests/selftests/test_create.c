// SPDX-License-Identifier: GPL-2.0
/* CREATE: descriptors and numbers, all of them or none. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "fence.h"
#include "harness.h"
#include "held_page.h"

FIXTURE(create)
{
	struct snapshot before;
	int fds[FENCE_EXPORTER_MAX_FENCES + 1];
	int tl;
};

FIXTURE_SETUP(create)
{
	unsigned int i;

	self->tl = timeline_open();
	ASSERT_LE(0, self->tl);
	for (i = 0; i < ARRAY_SIZE(self->fds); i++)
		self->fds[i] = -1;
	self->before = snapshot(self->tl);
}

FIXTURE_TEARDOWN(create)
{
	close(self->tl);
}

TEST_F(create, one)
{
	struct fence_exporter_info info;

	ASSERT_EQ(1, fence_create_many(self->tl, self->fds, 1));
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->fds[0], F_GETFD));
	EXPECT_EQ(0, fence_status(self->fds[0]));
	EXPECT_EQ(-1, self->fds[1]);

	info = timeline_state(self->tl);
	EXPECT_EQ(1, info.last_seqno);
	EXPECT_EQ(1, info.pending);
	EXPECT_EQ(0, info.signaled_seqno);
	EXPECT_EQ(self->before.fds + 1, count_fds());
}

TEST_F(create, sixty_four)
{
	unsigned int i;

	ASSERT_EQ(1, fence_create_many(self->tl, self->fds, 64));
	EXPECT_EQ(self->before.fds + 64, count_fds());
	EXPECT_EQ(-1, self->fds[64]);
	for (i = 0; i < 64; i++) {
		EXPECT_EQ(FD_CLOEXEC, fcntl(self->fds[i], F_GETFD));
		EXPECT_EQ(0, fence_status(self->fds[i]));
	}
	/* fds[i] is the descriptor of fence i + 1. */
	for (i = 0; i < 64; i++) {
		EXPECT_EQ(1, fence_signal(self->tl, i + 1, 0));
		EXPECT_EQ(1, fence_status(self->fds[i]));
		if (i < 63)
			EXPECT_EQ(0, fence_status(self->fds[i + 1]));
	}
}

TEST_F(create, numbers_go_on)
{
	EXPECT_EQ(1, fence_create_many(self->tl, self->fds, 5));
	EXPECT_EQ(6, fence_create_many(self->tl, self->fds, 64));
	EXPECT_EQ(70, fence_create_many(self->tl, self->fds, 1));
	EXPECT_EQ(70, fence_signal(self->tl, 70, 0));
	EXPECT_EQ(71, fence_create_many(self->tl, self->fds, 1));
	EXPECT_EQ(71, timeline_state(self->tl).last_seqno);
}

TEST_F(create, timelines_count_for_themselves)
{
	int other = timeline_open();

	ASSERT_LE(0, other);
	EXPECT_EQ(1, fence_create_many(self->tl, self->fds, 3));
	EXPECT_EQ(1, fence_create_many(other, self->fds, 1));
	EXPECT_EQ(1, timeline_state(other).pending);
	EXPECT_EQ(3, timeline_state(self->tl).pending);
}

TEST_F(create, refuses_counts)
{
	static const __u32 counts[] = { 0, 65, 1000, 1U << 31, ~0U };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		EXPECT_EQ(-EINVAL,
			  fence_create_many(self->tl, self->fds, counts[i])) {
			TH_LOG("with %u fences", counts[i]);
		}
		EXPECT_TRUE(unchanged(self->tl, &self->before));
	}
	EXPECT_EQ(-1, self->fds[0]);
}

TEST_F(create, refuses_flags)
{
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		struct fence_exporter_create create = {
			.fds = (unsigned long)self->fds,
			.count = 1,
			.flags = 1U << bit,
		};

		EXPECT_EQ(-EINVAL,
			  call(self->tl, FENCE_EXPORTER_IOC_CREATE, &create));
	}
	EXPECT_TRUE(unchanged(self->tl, &self->before));
}

TEST_F(create, refuses_bad_arrays)
{
	long page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	__u64 bad[6];
	unsigned int i;

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, munmap(map + page, page));
	bad[0] = 0;
	/* The array ends in unmapped memory: only the first three descriptors have room. */
	bad[1] = (unsigned long)map + page - 3 * sizeof(int);
	/* An address of the kernel. */
	bad[2] = 0xffff888000000000ULL;
	bad[3] = ~0ULL;
	/* An interface with 32-bit pointers would truncate this to a valid address. */
	bad[4] = 1ULL << 63 | (unsigned long)self->fds;
	/* An address that is not canonical. */
	bad[5] = 0x8000000000000000ULL;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct fence_exporter_create create = {
			.fds = bad[i],
			.count = 64,
		};

		EXPECT_EQ(-EFAULT,
			  call(self->tl, FENCE_EXPORTER_IOC_CREATE, &create)) {
			TH_LOG("with the array at %#llx", bad[i]);
		}
		EXPECT_TRUE(unchanged(self->tl, &self->before));
	}
	/* The refused calls have used no numbers. */
	EXPECT_EQ(1, fence_create_many(self->tl, self->fds, 1));
}

TEST_F(create, array_read_only)
{
	long page = sysconf(_SC_PAGESIZE);
	int *map = mmap(NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(-EFAULT, fence_create_many(self->tl, map, 2));
	EXPECT_TRUE(unchanged(self->tl, &self->before));
}

/* The call can read its structure, but can't write its answer to it. */
TEST_F(create, answer_read_only)
{
	long page = sysconf(_SC_PAGESIZE);
	struct fence_exporter_create *create;

	create = mmap(NULL, page, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, create);
	create->fds = (unsigned long)self->fds;
	create->count = 4;
	ASSERT_EQ(0, mprotect(create, page, PROT_READ));
	EXPECT_EQ(-EFAULT, call(self->tl, FENCE_EXPORTER_IOC_CREATE, create));
	EXPECT_TRUE(unchanged(self->tl, &self->before));
	EXPECT_EQ(1, fence_create_many(self->tl, self->fds, 1));
}

TEST_F(create, descriptor_table_full)
{
	struct rlimit limit;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	/* Room for ten descriptors, one of which snapshot() needs to count them. */
	limit.rlim_cur = self->tl + 1 + 10;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(-EMFILE, fence_create_many(self->tl, self->fds, 64));
	EXPECT_TRUE(unchanged(self->tl, &self->before));
	EXPECT_EQ(-EMFILE, fence_create_many(self->tl, self->fds, 11));
	EXPECT_TRUE(unchanged(self->tl, &self->before));
	EXPECT_EQ(1, fence_create_many(self->tl, self->fds, 10));
	EXPECT_EQ(-EMFILE, fence_create(self->tl));
	EXPECT_EQ(10, timeline_state(self->tl).last_seqno);
	EXPECT_EQ(10, fence_signal(self->tl, 10, 0));
	EXPECT_EQ(1, fence_status(self->fds[9]));
}

TEST_F(create, read_only_timeline)
{
	int tl = open(FENCE_DEVICE, O_RDONLY | O_CLOEXEC);

	ASSERT_LE(0, tl);
	EXPECT_EQ(1, fence_create_many(tl, self->fds, 2));
	EXPECT_EQ(2, fence_signal(tl, 2, 0));
	EXPECT_EQ(1, fence_status(self->fds[1]));
}

struct held_create {
	struct held_page page;
	int tl;
	int ret;
};

static void *create_held(void *arg)
{
	struct held_create *held = arg;

	held->ret = call(held->tl, FENCE_EXPORTER_IOC_CREATE, held->page.memory);
	return NULL;
}

/*
 * While the kernel copies the answer, the new fences are pending, but last_seqno does not include
 * them.
 */
TEST_F(create, pending_while_under_way)
{
	struct fence_exporter_create create = {
		.fds = (unsigned long)self->fds,
		.count = 64,
	};
	struct held_create held = { .tl = self->tl };
	struct fence_exporter_info info;
	pthread_t thread;
	int ret;

	ret = held_page_with(&held.page, &create, sizeof(create));
	if (ret)
		SKIP(return, "no userfaultfd that protects from writing: %s", strerror(-ret));
	ASSERT_EQ(0, pthread_create(&thread, NULL, create_held, &held));
	ASSERT_EQ(1, held_page_reached(&held.page, LONG_MS));
	info = timeline_state(self->tl);
	EXPECT_EQ(64, info.pending);
	EXPECT_EQ(0, info.last_seqno);
	EXPECT_EQ(0, info.signaled_seqno);
	/* Until CREATE has returned, no other call can signal the new fences. */
	EXPECT_EQ(-EINVAL, fence_signal(self->tl, 1, 0));
	EXPECT_EQ(0, held_page_release(&held.page));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, held.ret);
	info = timeline_state(self->tl);
	EXPECT_EQ(64, info.pending);
	EXPECT_EQ(64, info.last_seqno);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/sw_sync, which is compatible with the kernel's sw_sync. The tests run on both. A
 * wrong test fails on the kernel's, too.
 */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "fence.h"
#include "harness.h"
#include "sw_sync.h"
#include "sw_sync_abi.h"
#include "sw_sync_both.h"

static unsigned long taints(void)
{
	unsigned long bits = 0;
	FILE *file = fopen("/proc/sys/kernel/tainted", "re");

	if (file && fscanf(file, "%lu", &bits) != 1)
		bits = ~0UL;
	if (file)
		fclose(file);
	return bits;
}

/* This test comes first, because the kernel's sw_sync taints the kernel for good. */
TEST(does_not_taint)
{
	unsigned long before = taints();
	int tl = sw_sync_open(SW_SYNC_DEVICE);

	if (tl < 0)
		SKIP(return, SW_SYNC_DEVICE " is not there: load with sw_sync=1");
	if (before & 1UL << 14)
		SKIP(return, "the kernel's sw_sync has tainted already");
	ASSERT_LE(0, sw_sync_create(tl, 1));
	EXPECT_EQ(0, sw_sync_inc(tl, 1));
	close(tl);
	EXPECT_EQ(before, taints());
}

TEST_F(sw_sync, in_order)
{
	int fds[4];
	int i;

	for (i = 0; i < 4; i++) {
		fds[i] = sw_sync_create(self->tl, i + 1);
		ASSERT_LE(0, fds[i]);
		EXPECT_EQ(FD_CLOEXEC, fcntl(fds[i], F_GETFD));
		EXPECT_EQ(0, fence_status(fds[i]));
	}
	EXPECT_EQ(self->fds_before + 5, count_fds());
	EXPECT_EQ(0, sw_sync_inc(self->tl, 1));
	EXPECT_EQ(1, fence_status(fds[0]));
	EXPECT_EQ(0, fence_status(fds[1]));
	EXPECT_EQ(0, sw_sync_inc(self->tl, 2));
	EXPECT_EQ(1, fence_status(fds[1]));
	EXPECT_EQ(1, fence_status(fds[2]));
	EXPECT_EQ(0, fence_status(fds[3]));
	EXPECT_EQ(0, fence_wait(fds[3], 0));
	EXPECT_EQ(1, fence_wait(fds[2], 0));
	EXPECT_EQ(0, sw_sync_inc(self->tl, 1000));
	EXPECT_EQ(1, fence_wait(fds[3], 0));
}

TEST_F(sw_sync, created_out_of_order)
{
	static const __u32 values[] = { 50, 20, 90, 30, 10, 91, 21 };
	int fds[ARRAY_SIZE(values)];
	__u32 reached;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(values); i++)
		fds[i] = sw_sync_create(self->tl, values[i]);
	for (reached = 1; reached < 100; reached++) {
		ASSERT_EQ(0, sw_sync_inc(self->tl, 1));
		for (i = 0; i < ARRAY_SIZE(values); i++)
			ASSERT_EQ(values[i] <= reached, fence_status(fds[i]));
	}
	/* The fences have signaled in the order of their values. */
	EXPECT_LT(fence_time(fds[4]), fence_time(fds[1]));
	EXPECT_LT(fence_time(fds[0]), fence_time(fds[2]));
}

/* Even if one INC signals all fences, they signal in the order of their values. */
TEST_F(sw_sync, order_of_time)
{
	int high = sw_sync_create(self->tl, 3);
	int low = sw_sync_create(self->tl, 1);
	int middle = sw_sync_create(self->tl, 2);

	EXPECT_EQ(0, sw_sync_inc(self->tl, 3));
	EXPECT_LE(fence_time(low), fence_time(middle));
	EXPECT_LE(fence_time(middle), fence_time(high));
}

TEST_F(sw_sync, same_value_is_one_fence)
{
	struct sync_file_info a_info;
	struct sync_file_info b_info;
	int a = sw_sync_create(self->tl, 7);
	int b = sw_sync_create(self->tl, 7);
	int merged = fence_merge(a, b);

	ASSERT_LE(0, merged);
	EXPECT_EQ(0, fence_file_info(a, &a_info));
	EXPECT_EQ(0, fence_file_info(b, &b_info));
	EXPECT_STREQ(a_info.name, b_info.name);
	EXPECT_EQ(0, fence_file_info(merged, &a_info));
	EXPECT_EQ(1, a_info.num_fences);
	close(a);
	EXPECT_EQ(0, sw_sync_inc(self->tl, 6));
	EXPECT_EQ(0, fence_status(b));
	EXPECT_EQ(0, sw_sync_inc(self->tl, 1));
	EXPECT_EQ(1, fence_status(b));
	EXPECT_EQ(fence_time(b), fence_time(merged));
}

TEST_F(sw_sync, same_value_after_close)
{
	int fd = sw_sync_create(self->tl, 3);

	ASSERT_LE(0, fd);
	close(fd);
	fd = sw_sync_create(self->tl, 3);
	EXPECT_EQ(0, fence_status(fd));
	EXPECT_EQ(0, sw_sync_inc(self->tl, 3));
	EXPECT_EQ(1, fence_status(fd));
}

TEST_F(sw_sync, created_signaled)
{
	/* The value of a new timeline is 0. */
	EXPECT_EQ(1, fence_status(sw_sync_create(self->tl, 0)));
	EXPECT_EQ(0, sw_sync_inc(self->tl, 10));
	EXPECT_EQ(1, fence_status(sw_sync_create(self->tl, 10)));
	EXPECT_EQ(1, fence_status(sw_sync_create(self->tl, 1)));
	EXPECT_EQ(1, fence_wait(sw_sync_create(self->tl, 9), 0));
	EXPECT_EQ(0, fence_status(sw_sync_create(self->tl, 11)));
	/* Of all values, one half counts as reached. */
	EXPECT_EQ(1, fence_status(sw_sync_create(self->tl, 10 + 0x80000000U)));
	EXPECT_EQ(0, fence_status(sw_sync_create(self->tl, 9 + 0x80000000U)));
}

TEST_F(sw_sync, values_wrap)
{
	int last, zero, one;

	EXPECT_EQ(0, sw_sync_inc(self->tl, INT_MAX));
	EXPECT_EQ(0, sw_sync_inc(self->tl, INT_MAX));
	/* The value is 0xfffffffe now. */
	zero = sw_sync_create(self->tl, 0);
	last = sw_sync_create(self->tl, ~0U);
	one = sw_sync_create(self->tl, 1);
	EXPECT_EQ(0, fence_status(last));
	EXPECT_EQ(0, fence_status(zero));
	EXPECT_EQ(1, fence_status(sw_sync_create(self->tl, 0xfffffffe)));
	EXPECT_EQ(0, sw_sync_inc(self->tl, 1));
	EXPECT_EQ(1, fence_status(last));
	EXPECT_EQ(0, fence_status(zero));
	EXPECT_EQ(0, sw_sync_inc(self->tl, 1));
	EXPECT_EQ(1, fence_status(zero));
	EXPECT_EQ(0, fence_status(one));
	EXPECT_EQ(1, fence_status(sw_sync_create(self->tl, ~0U)));
	EXPECT_EQ(0, sw_sync_inc(self->tl, 1));
	EXPECT_EQ(1, fence_status(one));
}

/* INC splits such a large step, so that the value reaches every fence on the way. */
TEST_F(sw_sync, large_steps)
{
	int first = sw_sync_create(self->tl, 1);
	int half = sw_sync_create(self->tl, INT_MAX);

	EXPECT_EQ(0, sw_sync_inc(self->tl, ~0U));
	EXPECT_EQ(1, fence_status(first));
	EXPECT_EQ(1, fence_status(half));
	EXPECT_EQ(1, fence_status(sw_sync_create(self->tl, ~0U)));
	EXPECT_EQ(0, fence_status(sw_sync_create(self->tl, 0)));
}

struct step {
	pthread_t thread;
	int tl;
	/* The step, and the value of the fence that is created during the step. */
	__u32 by, value;
	int ret;
};

static void *take_step(void *arg)
{
	struct step *step = arg;

	step->ret = sw_sync_inc(step->tl, step->by);
	return NULL;
}

/*
 * A fence is created while INC signals many others. Compared with the last of them, the new fence
 * is so far ahead that its value seems to be behind. It must not keep any of them from signaling.
 */
TEST_F_TIMEOUT(sw_sync, far_ahead_while_signaled, 120)
{
	static const struct step steps[] = {
		{ .by = INT_MAX, .value = INT_MAX + 1000U },
		{ .by = INT_MAX, .value = 2U * INT_MAX },
		{ .by = 1000, .value = INT_MAX + 1000U },
	};
	unsigned int round;

	for (round = 0; round < 24; round++) {
		struct step step = steps[round % 3];
		int fences[600];
		int count = sizeof(fences) / sizeof(*fences);
		int ahead, i;

		step.tl = sw_sync_open(variant->path);
		for (i = 0; i < count; i++)
			fences[i] = sw_sync_create(step.tl, i + 1);
		ASSERT_LE(0, fences[count - 1]);
		ASSERT_EQ(0, pthread_create(&step.thread, NULL, take_step, &step));
		while (fence_status(fences[0]) == 0)
			;
		ahead = sw_sync_create(step.tl, step.value);
		EXPECT_EQ(0, pthread_join(step.thread, NULL));
		EXPECT_EQ(0, step.ret);
		EXPECT_EQ(0, fence_status(ahead));
		for (i = 0; i < count; i++) {
			ASSERT_EQ(1, fence_status(fences[i])) {
				TH_LOG("a step of %u, fence %d", step.by, i);
			}
			close(fences[i]);
		}
		close(ahead);
		close(step.tl);
	}
}

TEST_F(sw_sync, step_of_nothing)
{
	int fd = sw_sync_create(self->tl, 1);

	EXPECT_EQ(0, sw_sync_inc(self->tl, 0));
	EXPECT_EQ(0, fence_status(fd));
}

TEST_F(sw_sync, close_completes)
{
	int done = sw_sync_create(self->tl, 1);
	int pending = sw_sync_create(self->tl, 2);

	EXPECT_EQ(0, sw_sync_inc(self->tl, 1));
	close(self->tl);
	self->tl = -1;
	EXPECT_EQ(1, fence_status(done));
	EXPECT_EQ(1, fence_wait(pending, 0));
	EXPECT_EQ(-ENOENT, fence_status(pending));
}

TEST_F(sw_sync, refuses)
{
	long page = sysconf(_SC_PAGESIZE);
	struct sw_sync_create_fence_data *map;
	struct rlimit limit;
	int fds;

	map = mmap(NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, map);
	fds = count_fds();
	EXPECT_EQ(-EFAULT, call(self->tl, SW_SYNC_IOC_CREATE_FENCE, NULL));
	EXPECT_EQ(-EFAULT, call(self->tl, SW_SYNC_IOC_CREATE_FENCE, (void *)8));
	EXPECT_EQ(-EFAULT, call(self->tl, SW_SYNC_IOC_CREATE_FENCE, map));
	EXPECT_EQ(-EFAULT, call(self->tl, SW_SYNC_IOC_INC, NULL));
	EXPECT_EQ(-ENOTTY, call(self->tl, _IOWR('W', 0, __u64), map));
	EXPECT_EQ(-ENOTTY, call(self->tl, _IOW('W', 1, __u64), map));
	EXPECT_EQ(-ENOTTY, call(self->tl, _IO('W', 3), map));
	EXPECT_EQ(-ENOTTY, call(self->tl, FENCE_EXPORTER_IOC_INFO, map));
	EXPECT_EQ(fds, count_fds());

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = self->tl + 1;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(-EMFILE, sw_sync_create(self->tl, 1));
}

TEST_F(sw_sync, names)
{
	bool kernel = !strcmp(variant->path, SW_SYNC_KERNEL);
	struct sync_fence_info fence;
	char expected[64];
	int tl, fd;

	ASSERT_EQ(0, prctl(PR_SET_NAME, "compositor"));
	tl = sw_sync_open(variant->path);
	fd = sw_sync_create(tl, 1);
	ASSERT_EQ(0, fence_describe(fd, &fence));
	snprintf(expected, sizeof(expected), "compositor-%d", getpid());
	EXPECT_STREQ(kernel ? "compositor" : expected, fence.obj_name);
	EXPECT_STREQ("sw_sync", fence.driver_name);
	close(tl);
}

/* Compares many fences in random order with a model of a few lines. */
TEST_F_TIMEOUT(sw_sync, like_the_model, 120)
{
	enum { FENCES = 1500, WINDOW = 300 };
	__u32 reached = 0xfffffc00;
	__u32 values[FENCES];
	int fds[FENCES];
	int count = 0;
	int i;

	ASSERT_EQ(0, allow_fds(FENCES + 32));
	ASSERT_EQ(0, sw_sync_inc(self->tl, reached));
	srandom(1);
	while (count < FENCES) {
		if (random() % 8) {
			__u32 value = reached - 20 + random() % WINDOW;

			values[count] = value;
			fds[count] = sw_sync_create(self->tl, value);
			ASSERT_LE(0, fds[count]);
			count++;
			continue;
		}
		i = random() % 12;
		ASSERT_EQ(0, sw_sync_inc(self->tl, i));
		reached += i;
		for (i = count > 400 ? count - 400 : 0; i < count; i++) {
			ASSERT_EQ((int)(reached - values[i]) >= 0,
				  fence_status(fds[i])) {
				TH_LOG("value %u at %u", values[i], reached);
			}
		}
	}
	ASSERT_EQ(0, sw_sync_inc(self->tl, WINDOW));
	for (i = 0; i < count; i++)
		ASSERT_EQ(1, fence_status(fds[i]));
}

TEST_HARNESS_MAIN

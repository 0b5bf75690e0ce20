// SPDX-License-Identifier: GPL-2.0
/* Tests the module of samples/rcu_config: it returns and counts each limit that was set, once. */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../../samples/rcu_config/rcu_config.h"
#include "harness.h"

#define THREADS	4
#define ROUNDS	2000

static int open_node(void)
{
	return open("/dev/rcu_config", O_RDWR | O_CLOEXEC);
}

static __u32 set(int fd, __u32 limit, __u32 *at_open)
{
	struct rcu_config_set arg = { .limit = limit };

	if (ioctl(fd, RCU_CONFIG_SET, &arg))
		return -1;
	if (at_open)
		*at_open = arg.limit_at_open;
	return arg.limit;
}

TEST(replaces)
{
	__u32 at_open = -1;
	int first = open_node(), second;

	ASSERT_LE(0, first);
	set(first, 5, NULL);
	EXPECT_EQ(5, set(first, 6, NULL));
	second = open_node();
	ASSERT_LE(0, second);
	EXPECT_EQ(6, set(second, 7, &at_open));
	EXPECT_EQ(6, at_open);
	/* The file keeps the limit that was set when the file was opened. */
	EXPECT_EQ(7, set(second, 8, &at_open));
	EXPECT_EQ(6, at_open);
}

static long counted(void)
{
	char text[16] = "";
	int fd = open("/sys/module/rcu_config/parameters/changes", O_RDONLY | O_CLOEXEC);
	ssize_t length = read(fd, text, sizeof(text) - 1);

	close(fd);
	return length > 0 ? strtol(text, NULL, 10) : -1;
}

/* The kernel calls C code of the module here, and that code calls Rust code. */
TEST(counts)
{
	int fd = open_node();
	long before = counted();

	ASSERT_LE(0, fd);
	ASSERT_LE(0, before);
	set(fd, 5, NULL);
	set(fd, 6, NULL);
	EXPECT_EQ(before + 2, counted());
}

TEST(refuses)
{
	struct rcu_config_set arg = { .limit = 1, .limit_at_open = 1 };
	int fd = open_node();

	ASSERT_LE(0, fd);
	set(fd, 9, NULL);
	EXPECT_EQ(-1, ioctl(fd, RCU_CONFIG_SET, &arg));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, ioctl(fd, RCU_CONFIG_SET, 8));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(fd, RCU_CONFIG_SET + 1, &arg));
	EXPECT_EQ(ENOTTY, errno);
	EXPECT_EQ(9, set(fd, 1, NULL));
}

static unsigned char came_back[THREADS * ROUNDS + 1];

static void *replacer(void *first)
{
	__u32 number = (long)first;
	int fd = open_node();

	for (int i = 0; i < ROUNDS; i++) {
		__u32 old = set(fd, number + i, NULL);

		if (old < sizeof(came_back))
			__atomic_fetch_add(&came_back[old], 1, __ATOMIC_RELAXED);
	}
	close(fd);
	return NULL;
}

TEST(replaced_by_several)
{
	pthread_t threads[THREADS];
	int fd = open_node();

	ASSERT_LE(0, fd);
	set(fd, 0, NULL);
	for (long i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, replacer, (void *)(i * ROUNDS + 1)));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	came_back[set(fd, 0, NULL)]++;
	for (int i = 0; i <= THREADS * ROUNDS; i++)
		ASSERT_EQ(1, came_back[i]);
}

TEST_HARNESS_MAIN

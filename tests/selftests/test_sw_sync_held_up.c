// SPDX-License-Identifier: GPL-2.0
/*
 * User space holds up a thread that creates a fence, at the copy to user space, while other
 * threads call the same timeline: of /dev/sw_sync, and of the kernel's sw_sync.
 */
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "fence.h"
#include "harness.h"
#include "held_page.h"
#include "sw_sync.h"
#include "sw_sync_abi.h"
#include "sw_sync_both.h"

/* So many fences that sorting them takes many steps. */
#define MANY		8000

static int fences[MANY];

/* A thread that creates a fence, and that is held up when the kernel copies the answer. */
struct held {
	struct held_page page;
	pthread_t thread;
	int tl;
	int ret;
	atomic_bool done;
};

static void *create_held(void *arg)
{
	struct held *held = arg;

	held->ret = call(held->tl, SW_SYNC_IOC_CREATE_FENCE, held->page.memory);
	held->done = true;
	return NULL;
}

static int hold_up(struct held *held, int tl, __u32 value)
{
	struct sw_sync_create_fence_data arg = { .value = value };
	int ret = held_page_with(&held->page, &arg, sizeof(arg));

	if (ret)
		return ret;
	held->tl = tl;
	held->done = false;
	ret = -pthread_create(&held->thread, NULL, create_held, held);
	if (!ret && held_page_reached(&held->page, LONG_MS) != 1)
		ret = -ETIME;
	return ret;
}

/* Releases the thread. Returns the descriptor of its fence. */
static int let_go(struct held *held)
{
	struct sw_sync_create_fence_data *arg = held->page.memory;
	int ret = held_page_release(&held->page);

	pthread_join(held->thread, NULL);
	return ret ?: held->ret ?: arg->fence;
}

/*
 * F13 of docs/testing.md: while CREATE_FENCE is held up, the value passes its fence, by any
 * distance and in steps of any size.
 */
TEST_F_TIMEOUT(sw_sync, passed_while_created, 120)
{
	/* 0 stands for many small steps. */
	static const __u32 steps[] = { 999, 1000, 1001, 0, INT_MAX, UINT_MAX };
	static const __u32 small = 65535;
	unsigned int i, round;

	for (round = 0; round < ARRAY_SIZE(steps); round++) {
		int tl = sw_sync_open(variant->path);
		struct held held;
		int ret = hold_up(&held, tl, 1000);

		if (ret)
			SKIP(return, "no userfaultfd that protects from writing: %s",
			     strerror(-ret));
		for (i = 0; !steps[round] && i <= INT_MAX / small + 1; i++)
			ASSERT_EQ(0, sw_sync_inc(tl, small));
		EXPECT_EQ(0, sw_sync_inc(tl, steps[round]));
		ret = let_go(&held);
		ASSERT_LE(0, ret);
		EXPECT_EQ(round > 0, fence_status(ret)) {
			TH_LOG("after a step of %u", steps[round]);
		}
		close(ret);
		close(tl);
	}
}

static int step_was_interrupted;

static void *step_or_say(void *arg)
{
	step_was_interrupted = sw_sync_inc(*(int *)arg, INT_MAX) == -EINTR;
	return NULL;
}

/* INC does not wait for the CREATE_FENCE that is held up. So no signal can interrupt INC. */
TEST_F_TIMEOUT(sw_sync, step_while_created, 120)
{
	int before = sw_sync_create(self->tl, 1);
	pthread_t thread;
	struct held held;
	int ret;

	ASSERT_EQ(0, catch_signal(SIGUSR1));
	ret = hold_up(&held, self->tl, 2);
	if (ret)
		SKIP(return, "no userfaultfd that protects from writing: %s", strerror(-ret));
	ASSERT_EQ(0, pthread_create(&thread, NULL, step_or_say, &self->tl));
	while (fence_status(before) == 0 && !step_was_interrupted)
		pthread_kill(thread, SIGUSR1);
	EXPECT_EQ(0, pthread_join(thread, NULL));
	EXPECT_FALSE(step_was_interrupted);
	EXPECT_EQ(1, fence_status(let_go(&held)));
}

/* A thread that waits for its turn to create a fence. */
struct waiter {
	pthread_t thread;
	int tl;
	__u32 value;
	/* The processor on which the thread runs, or -1 for any. */
	int cpu;
	int ret;
	/* How often the thread went to sleep. */
	long slept;
	atomic_int tid;
};

static void *create_and_count(void *arg)
{
	struct waiter *waiter = arg;
	struct rusage before, after;

	if (waiter->cpu >= 0)
		run_on(waiter->cpu);
	waiter->tid = gettid();
	getrusage(RUSAGE_THREAD, &before);
	waiter->ret = sw_sync_create(waiter->tl, waiter->value);
	getrusage(RUSAGE_THREAD, &after);
	waiter->slept = after.ru_nvcsw - before.ru_nvcsw;
	return NULL;
}

static int start(struct waiter *waiter, int tl, __u32 value, int cpu)
{
	int ret;

	*waiter = (struct waiter){ .tl = tl, .value = value, .cpu = cpu };
	ret = -pthread_create(&waiter->thread, NULL, create_and_count, waiter);
	while (!ret && !waiter->tid)
		sched_yield();
	if (!ret)
		wait_until_asleep(waiter->tid);
	return ret;
}

/*
 * F8 of docs/testing.md: if a fence has a lower value than pending ones, they are sorted in many
 * steps. A thread that waits meanwhile to create a fence sleeps once, not once for each step.
 */
TEST_F_TIMEOUT(sw_sync, sleep_while_others_are_sorted, 120)
{
	enum { WAITERS = 32 };
	struct waiter waiters[WAITERS];
	long slept = 0;
	struct held held;
	int ret, i;

	if (!strcmp(variant->path, SW_SYNC_KERNEL))
		SKIP(return, "the kernel's is not sorted in steps");
	ASSERT_EQ(0, allow_fds(MANY + 64));
	ASSERT_EQ(0, sw_sync_inc(self->tl, 0));
	ASSERT_LT(0, sw_sync_create_many(self->tl, 1000, fences, MANY));
	ret = hold_up(&held, self->tl, 1000 + MANY);
	if (ret)
		SKIP(return, "no userfaultfd that protects from writing: %s", strerror(-ret));
	/* The first waiter's fence has a lower value, which causes the sorting. */
	for (i = 0; i < WAITERS; i++)
		ASSERT_EQ(0, start(&waiters[i], self->tl, i + 1, -1));
	EXPECT_LE(0, let_go(&held));
	for (i = 0; i < WAITERS; i++) {
		EXPECT_EQ(0, pthread_join(waiters[i].thread, NULL));
		EXPECT_LE(0, waiters[i].ret);
		slept += waiters[i].slept;
	}
	/*
	 * A waiter sleeps once, and sometimes for other reasons. Sleeping once for each step of 64
	 * fences would exceed this.
	 */
	EXPECT_GT(WAITERS * 8, slept);
}

/*
 * F8 of docs/testing.md: a thread that finds a fence of its value creates none. Then the next
 * thread must get its turn.
 */
TEST_F(sw_sync, turn_without_a_new_fence)
{
	int there = sw_sync_create(self->tl, 7);
	struct waiter first, second;
	struct held held;
	int ret;

	ASSERT_LE(0, there);
	ret = hold_up(&held, self->tl, 8);
	if (ret)
		SKIP(return, "no userfaultfd that protects from writing: %s", strerror(-ret));
	ASSERT_EQ(0, start(&first, self->tl, 7, -1));
	ASSERT_EQ(0, start(&second, self->tl, 9, -1));
	EXPECT_LE(0, let_go(&held));
	pthread_join(first.thread, NULL);
	pthread_join(second.thread, NULL);
	EXPECT_LE(0, first.ret);
	EXPECT_LE(0, second.ret);
}

/*
 * F8 of docs/testing.md: a thread gets its turn and a signal at the same time. Then the next thread
 * must still get its turn.
 */
TEST_F(sw_sync, turn_and_signal)
{
	struct sched_param param = { .sched_priority = 1 };
	struct waiter first, second;
	struct held held;
	int ret;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "a single processor");
	ASSERT_EQ(0, catch_signal(SIGUSR1));
	ret = hold_up(&held, self->tl, 8);
	if (ret)
		SKIP(return, "no userfaultfd that protects from writing: %s", strerror(-ret));
	ASSERT_EQ(0, start(&first, self->tl, 9, 0));
	ASSERT_EQ(0, start(&second, self->tl, 10, 1));
	/*
	 * As long as this thread runs on processor 0, the first waiter can't run there, although it
	 * was woken.
	 */
	ASSERT_EQ(0, run_on(0));
	ASSERT_EQ(0, sched_setscheduler(0, SCHED_FIFO, &param));
	ret = held_page_release(&held.page);
	while (!ret && !held.done)
		;
	pthread_kill(first.thread, SIGUSR1);
	param.sched_priority = 0;
	ASSERT_EQ(0, sched_setscheduler(0, SCHED_OTHER, &param));
	ASSERT_EQ(0, ret);
	pthread_join(held.thread, NULL);
	pthread_join(first.thread, NULL);
	pthread_join(second.thread, NULL);
	EXPECT_TRUE(first.ret >= 0 || first.ret == -EINTR);
	EXPECT_LE(0, second.ret);
}

TEST_HARNESS_MAIN

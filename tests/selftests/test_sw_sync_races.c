// SPDX-License-Identifier: GPL-2.0
/*
 * What several threads do to one timeline of the node that is compatible with the kernel's
 * sw_sync, and of the kernel's.
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

/*
 * As many fences as one INC takes a while to signal. A machine that does not have as many
 * after a second is slow enough with fewer.
 */
#define MANY		8000
#define CREATE_NS	NSEC_PER_SEC
/* Rounds of a test, and the time after which no further one begins. */
#define ROUNDS		20
#define ROUNDS_NS	(20 * NSEC_PER_SEC)

static int fences[MANY];
static int count;

/* Creates fences of the values from @first on, and leaves how many in @count: 0, or -errno. */
static int create_many(int tl, __u32 first)
{
	__u64 max = module_param("max_pending", 16384) - 64;
	__u64 begin = now_ns();

	for (count = 0; count < MANY && count < max; count++) {
		if (count >= 100 && now_ns() - begin > CREATE_NS)
			break;
		fences[count] = sw_sync_create(tl, first + count);
		if (fences[count] < 0)
			return fences[count];
	}
	return 0;
}

static void close_many(void)
{
	int i;

	for (i = 0; i < count; i++)
		close(fences[i]);
}

static bool goes_on(int round, __u64 begin)
{
	return round < ROUNDS && (!round || now_ns() - begin < ROUNDS_NS);
}

/* An INC by another thread. */
struct step {
	pthread_t thread;
	int tl;
	__u32 by;
	int ret;
};

static void *take_step(void *arg)
{
	struct step *step = arg;

	step->ret = sw_sync_inc(step->tl, step->by);
	return NULL;
}

/* Begins a step of twice MANY over as many fences, and returns while it is under way. */
static int begin_step(struct step *step, int round)
{
	int ret;

	step->by = 2 * MANY;
	ret = create_many(step->tl, 1) ?:
	      -pthread_create(&step->thread, NULL, take_step, step);
	while (!ret && fence_status(fences[count / ROUNDS * round]) == 0)
		;
	return ret;
}

/* An INC that has returned has left nothing pending that it reached, whatever others are at. */
TEST_F_TIMEOUT(sw_sync, step_beside_a_step, 120)
{
	__u64 begin = now_ns();
	int round;

	ASSERT_EQ(0, allow_fds(MANY + 64));
	for (round = 0; goes_on(round, begin); round++) {
		struct step step = { .tl = sw_sync_open(variant->path) };
		int beyond = sw_sync_create(step.tl, 2 * MANY + 1000);

		ASSERT_EQ(0, begin_step(&step, round));
		EXPECT_EQ(0, sw_sync_inc(step.tl, INT_MAX));
		EXPECT_EQ(1, fence_status(fences[count - 1]));
		ASSERT_EQ(1, fence_status(beyond)) {
			TH_LOG("in round %d", round);
		}
		EXPECT_EQ(0, pthread_join(step.thread, NULL));
		EXPECT_EQ(0, step.ret);
		close_many();
		close(beyond);
		close(step.tl);
	}
}

/* A fence that has signalled when it is created follows all that are before it. */
TEST_F_TIMEOUT(sw_sync, reached_beside_a_step, 120)
{
	__u64 begin = now_ns();
	int round;

	ASSERT_EQ(0, allow_fds(MANY + 64));
	for (round = 0; goes_on(round, begin); round++) {
		struct step step = { .tl = sw_sync_open(variant->path) };
		int reached;

		ASSERT_EQ(0, begin_step(&step, round));
		reached = sw_sync_create(step.tl, 2 * MANY);
		EXPECT_EQ(1, fence_status(reached));
		ASSERT_EQ(1, fence_status(fences[count - 1])) {
			TH_LOG("in round %d", round);
		}
		EXPECT_LE(fence_time(fences[count - 1]), fence_time(reached));
		EXPECT_EQ(0, pthread_join(step.thread, NULL));
		close_many();
		close(reached);
		close(step.tl);
	}
}

/* A thread that creates a fence, and is held up when the answer is copied to it. */
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

/* The descriptor of the fence. */
static int let_go(struct held *held)
{
	struct sw_sync_create_fence_data *arg = held->page.memory;
	int ret = held_page_release(&held->page);

	pthread_join(held->thread, NULL);
	return ret ?: held->ret ?: arg->fence;
}

/* However far the value gets meanwhile, and by whatever steps. */
TEST_F_TIMEOUT(sw_sync, passed_while_created, 120)
{
	/* 0: small ones, again and again. */
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

static void nothing(int signal)
{
	(void)signal;
}

/* INC waits for nobody, so no signal ends it. */
TEST_F_TIMEOUT(sw_sync, step_while_created, 120)
{
	struct sigaction action = { .sa_handler = nothing };
	int before = sw_sync_create(self->tl, 1);
	pthread_t thread;
	struct held held;
	int ret;

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
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

/* A thread that waits until it may create a fence. */
struct waiter {
	pthread_t thread;
	int tl;
	__u32 value;
	/* Where it runs, -1: anywhere. */
	int cpu;
	int ret;
	/* How often it went to sleep. */
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
 * Fences of ascending values are sorted, in many steps, when a lower one is created. Whoever
 * waits until then to create one sleeps once, not once for each step.
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
	ASSERT_EQ(0, create_many(self->tl, 1000));
	ret = hold_up(&held, self->tl, 1000 + MANY);
	if (ret)
		SKIP(return, "no userfaultfd that protects from writing: %s", strerror(-ret));
	/* The first one has them sorted. */
	for (i = 0; i < WAITERS; i++)
		ASSERT_EQ(0, start(&waiters[i], self->tl, i + 1, -1));
	EXPECT_LE(0, let_go(&held));
	for (i = 0; i < WAITERS; i++) {
		EXPECT_EQ(0, pthread_join(waiters[i].thread, NULL));
		EXPECT_LE(0, waiters[i].ret);
		slept += waiters[i].slept;
	}
	/* Each once, and sometimes for other reasons: count / 64 steps would be far more. */
	EXPECT_GT(WAITERS * 8, slept);
}

/* A thread that finds the fence it wants emits none, and the one behind it gets its turn. */
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

/* A thread that gets a signal beside its turn does not keep it from the one behind it. */
TEST_F(sw_sync, turn_and_signal)
{
	struct sched_param param = { .sched_priority = 1 };
	struct sigaction action = { .sa_handler = nothing };
	struct waiter first, second;
	struct held held;
	int ret;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "a single processor");
	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ret = hold_up(&held, self->tl, 8);
	if (ret)
		SKIP(return, "no userfaultfd that protects from writing: %s", strerror(-ret));
	ASSERT_EQ(0, start(&first, self->tl, 9, 0));
	ASSERT_EQ(0, start(&second, self->tl, 10, 1));
	/* While this runs, the first one does not, though it is woken up. */
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

/* What the threads of creators_with_signals have. */
static struct {
	int tl;
	atomic_uint value;
	atomic_bool stop;
} shared;

static void *create_until_stopped(void *arg)
{
	unsigned long *refused = arg;

	while (!shared.stop) {
		/*
		 * Lower ones than before, so that those that are pending are sorted. One that
		 * is there already ends the thread's turn at once.
		 */
		int fd = sw_sync_create(shared.tl, INT_MAX - shared.value++ / 4);

		if (fd >= 0)
			close(fd);
		else if (fd != -EINTR)
			++*refused;
	}
	return NULL;
}

/* Signals end the wait of some, and all others get their turn. */
TEST_F_TIMEOUT(sw_sync, creators_with_signals, 120)
{
	enum { THREADS = 16, SIGNALS = 4000 };
	struct sigaction action = { .sa_handler = nothing };
	unsigned long refused[THREADS] = {};
	pthread_t threads[THREADS];
	int i;

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	shared.tl = self->tl;
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, create_until_stopped,
					    &refused[i]));
	for (i = 0; i < SIGNALS; i++)
		pthread_kill(threads[i % THREADS], SIGUSR1);
	shared.stop = true;
	for (i = 0; i < THREADS; i++) {
		EXPECT_EQ(0, pthread_join(threads[i], NULL));
		EXPECT_EQ(0, refused[i]);
	}
	EXPECT_LE(0, sw_sync_create(self->tl, 1));
}

TEST_HARNESS_MAIN

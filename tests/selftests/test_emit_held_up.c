// SPDX-License-Identifier: GPL-2.0
/*
 * User space holds up a thread that creates a fence, at the copy to user space. Other threads
 * that create a fence wait. A signal ends their wait.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

#include "fence.h"
#include "held_page.h"
#include "harness.h"
#include "sw_sync.h"
#include "sw_sync_abi.h"

union emission {
	struct fence_exporter_create create;
	struct fence_exporter_submit submit;
	struct sw_sync_create_fence_data sw_sync;
};

static int created_fd;

FIXTURE(emission_held_up)
{
	union emission good;
	struct held_page page;
	pthread_t emitter;
	int tl;
	int ret;
};

FIXTURE_VARIANT(emission_held_up)
{
	const char *path;
	__u32 flags;
	unsigned long request;
};

FIXTURE_VARIANT_ADD(emission_held_up, create)
{
	.path = FENCE_DEVICE,
	.request = FENCE_EXPORTER_IOC_CREATE,
};

FIXTURE_VARIANT_ADD(emission_held_up, submit)
{
	.path = FENCE_DEVICE,
	.flags = FENCE_EXPORTER_SETUP_ENGINE,
	.request = FENCE_EXPORTER_IOC_SUBMIT,
};

FIXTURE_VARIANT_ADD(emission_held_up, sw_sync)
{
	.path = SW_SYNC_DEVICE,
	.request = SW_SYNC_IOC_CREATE_FENCE,
};

struct emit {
	int tl;
	unsigned long request;
	void *arg;
	int ret;
};

static void *emit(void *arg)
{
	struct emit *emit = arg;

	emit->ret = call(emit->tl, emit->request, emit->arg);
	return NULL;
}

FIXTURE_SETUP(emission_held_up)
{
	__u64 longest = module_limits().max_timeout_ns;
	int ret;

	switch (variant->request) {
	case FENCE_EXPORTER_IOC_CREATE:
		self->good.create.fds = (unsigned long)&created_fd;
		self->good.create.count = 1;
		break;
	case FENCE_EXPORTER_IOC_SUBMIT:
		self->good.submit.duration_ns = NSEC_PER_SEC;
		break;
	default:
		self->good.sw_sync.value = 1;
	}
	ret = held_page_with(&self->page, &self->good, sizeof(self->good));
	if (ret)
		SKIP(return, "no userfaultfd that protects from writing: %s", strerror(-ret));
	self->tl = open(variant->path, O_RDWR | O_CLOEXEC);
	if (self->tl < 0)
		SKIP(return, "no %s", variant->path);
	if (variant->request != SW_SYNC_IOC_CREATE_FENCE)
		ASSERT_EQ(0, timeline_setup(self->tl, "held-up", longest, variant->flags));
}

FIXTURE_TEARDOWN(emission_held_up)
{
	close(self->tl);
}

/*
 * A process that waits until another thread has created its fences can be killed, and leaves
 * nothing behind.
 */
TEST_F(emission_held_up, killed)
{
	struct emit held = { self->tl, variant->request, self->page.memory, 1 };
	union emission arg = self->good;
	pthread_t thread;
	pid_t pid;

	ASSERT_EQ(0, pthread_create(&thread, NULL, emit, &held));
	ASSERT_EQ(1, held_page_reached(&self->page, LONG_MS));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		call(self->tl, variant->request, &arg);
		pause();
	}
	wait_until_asleep(pid);
	EXPECT_EQ(CHILD_KILLED, child_outcome(pid, SIGKILL, LONG_MS));
	ASSERT_EQ(0, held_page_release(&self->page));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, held.ret);
	EXPECT_EQ(0, call(self->tl, variant->request, &arg));
}

TEST_F(emission_held_up, interrupted)
{
	struct emit held = { self->tl, variant->request, self->page.memory, 1 };
	union emission arg = self->good;
	pthread_t thread;
	pid_t pid;

	if (variant->request == SW_SYNC_IOC_CREATE_FENCE)
		SKIP(return, "not promised for sw_sync");
	ASSERT_EQ(0, pthread_create(&thread, NULL, emit, &held));
	ASSERT_EQ(1, held_page_reached(&self->page, LONG_MS));
	ASSERT_EQ(0, catch_signal(SIGUSR1));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(-call(self->tl, variant->request, &arg));
	EXPECT_EQ(EINTR, child_outcome(pid, SIGUSR1, LONG_MS));
	/* INFO does not wait for the thread that is held up. */
	EXPECT_EQ(0, timeline_state(self->tl).last_seqno);
	ASSERT_EQ(0, held_page_release(&self->page));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, held.ret);
	EXPECT_EQ(1, timeline_state(self->tl).last_seqno);
}

/* On a non-blocking descriptor, the call returns EAGAIN if another thread is creating fences. */
TEST_F(emission_held_up, nonblocking)
{
	struct emit held = { self->tl, variant->request, self->page.memory, 1 };
	union emission arg = self->good;
	pthread_t thread;
	int other;

	if (variant->request == SW_SYNC_IOC_CREATE_FENCE)
		SKIP(return, "not promised for sw_sync");
	ASSERT_EQ(0, pthread_create(&thread, NULL, emit, &held));
	ASSERT_EQ(1, held_page_reached(&self->page, LONG_MS));
	ASSERT_EQ(0, fcntl(self->tl, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(-EAGAIN, call(self->tl, variant->request, &arg));
	EXPECT_EQ(-EAGAIN, timeline_setup(self->tl, "late", 0, 0));
	/* Calls on another timeline do not wait. */
	other = timeline_new("other", 0, variant->flags);
	ASSERT_EQ(0, fcntl(other, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(0, call(other, variant->request, &arg));
	ASSERT_EQ(0, held_page_release(&self->page));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, held.ret);
	EXPECT_EQ(0, call(self->tl, variant->request, &arg));
	EXPECT_EQ(2, timeline_state(self->tl).last_seqno);
}

/*
 * SETUP makes the timeline an engine while CREATE is held up at the page for its descriptors. Then
 * CREATE is refused.
 */
TEST(set_up_while_created)
{
	struct fence_exporter_create arg = { .count = 1 };
	struct emit held = { timeline_open(), FENCE_EXPORTER_IOC_CREATE, &arg, 1 };
	struct held_page page;
	pthread_t thread;
	int ret;

	ret = held_page(&page);
	if (ret)
		SKIP(return, "no userfaultfd: %s", strerror(-ret));
	ASSERT_LE(0, held.tl);
	arg.fds = (unsigned long)page.memory;
	ASSERT_EQ(0, pthread_create(&thread, NULL, emit, &held));
	ASSERT_EQ(1, held_page_reached(&page, LONG_MS));
	EXPECT_EQ(0, timeline_setup(held.tl, "engine", 0, FENCE_EXPORTER_SETUP_ENGINE));
	ASSERT_EQ(0, held_page_release(&page));
	pthread_join(thread, NULL);
	EXPECT_EQ(-EBUSY, held.ret);
	EXPECT_EQ(0, timeline_state(held.tl).last_seqno);
}

TEST_HARNESS_MAIN

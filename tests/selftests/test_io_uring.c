// SPDX-License-Identifier: GPL-2.0
/*
 * Reading events with io_uring. It reads in the thread that submits, or in a thread of the
 * kernel, if the read need not wait (IOCB_NOWAIT). Otherwise it polls, and reads when the
 * timeline is ready.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "fence.h"
#include "harness.h"
#include "held_page.h"
#include "uring.h"

#define TIMEOUT_NS	(module_limits().max_timeout_ns)
#define COUNT		3
#define EVENT_SIZE	((int)sizeof(struct fence_exporter_event))
/*
 * For this time, the tests watch that something does not happen. If the time is too short, a test
 * may miss a fault, but it does not fail by mistake.
 */
#define A_WHILE_MS	50

enum { READ_DATA = 1, NOP_DATA, POLL_DATA };

/* A timeline, and a ring that reads its events. */
struct rig {
	struct fence_exporter_event events[COUNT];
	struct uring ring;
	int fds[COUNT];
	int tl;
};

FIXTURE(uring)
{
	struct rig rig;
};

FIXTURE_VARIANT(uring)
{
	unsigned int flags;
};

FIXTURE_VARIANT_ADD(uring, own_thread)
{
	.flags = 0,
};

FIXTURE_VARIANT_ADD(uring, kernel_thread)
{
	.flags = IORING_SETUP_SQPOLL,
};

FIXTURE_SETUP(uring)
{
	struct rig *rig = &self->rig;
	int ret = uring_open(&rig->ring, variant->flags);

	if (ret)
		SKIP(return, "no io_uring: %s", strerror(-ret));
	rig->tl = timeline_new("uring", TIMEOUT_NS, FENCE_EXPORTER_SETUP_EVENTS);
	ASSERT_LE(0, rig->tl);
	ASSERT_EQ(1, fence_create_many(rig->tl, rig->fds, COUNT));
}

FIXTURE_TEARDOWN(uring)
{
	struct rig *rig = &self->rig;

	close(rig->tl);
	close(rig->ring.fd);
}

/* Reads up to @size bytes of the timeline, or of file 0 if the file is registered. */
static int submit_read(struct rig *rig, size_t size, bool registered)
{
	struct io_uring_sqe request = {
		.opcode = IORING_OP_READ,
		.flags = registered ? IOSQE_FIXED_FILE : 0,
		.fd = registered ? 0 : rig->tl,
		.addr = (unsigned long)rig->events,
		.len = size,
		.user_data = READ_DATA,
	};

	return uring_submit(&rig->ring, &request);
}

static int submit_nop(struct rig *rig)
{
	struct io_uring_sqe request = { .opcode = IORING_OP_NOP, .user_data = NOP_DATA };

	return uring_submit(&rig->ring, &request);
}

static int submit_poll(struct uring *ring, int fd)
{
	struct io_uring_sqe request = {
		.opcode = IORING_OP_POLL_ADD,
		.fd = fd,
		.poll_events = POLLIN,
		.user_data = POLL_DATA,
	};

	return uring_submit(ring, &request);
}

/* Returns the result of the next completed request, which must be the one with @user_data. */
static int result(struct uring *ring, __u64 user_data)
{
	struct io_uring_cqe completion;
	int ret = uring_completion(ring, &completion, LONG_MS);

	if (ret != 1)
		return ret ?: -ETIMEDOUT;
	return completion.user_data == user_data ? completion.res : -EPROTO;
}

TEST_F(uring, read_what_is_there)
{
	struct rig *rig = &self->rig;
	int i;

	for (i = 0; i < COUNT; i++)
		ASSERT_EQ(0, fence_wait(rig->fds[i], 0));
	ASSERT_EQ(0, submit_read(rig, 2 * EVENT_SIZE, false));
	EXPECT_EQ(2 * EVENT_SIZE, result(&rig->ring, READ_DATA));
	EXPECT_EQ(2, rig->events[1].seqno);
	ASSERT_EQ(0, submit_read(rig, 2 * EVENT_SIZE, false));
	EXPECT_EQ(EVENT_SIZE, result(&rig->ring, READ_DATA));
	EXPECT_EQ(3, rig->events[0].seqno);
}

/* The kernel handles a registered buffer as pages. The second event crosses a page boundary. */
TEST_F(uring, read_into_registered_buffer)
{
	struct rig *rig = &self->rig;
	int page = getpagesize(), offset = page - EVENT_SIZE - EVENT_SIZE / 2, i;
	char *buffer = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	struct fence_exporter_event events[COUNT];
	struct io_uring_sqe request = {
		.opcode = IORING_OP_READ_FIXED,
		.fd = rig->tl,
		.addr = (unsigned long)buffer + offset,
		.len = 2 * EVENT_SIZE,
		.user_data = READ_DATA,
	};

	ASSERT_NE(MAP_FAILED, buffer);
	ASSERT_EQ(0, uring_register_buffer(&rig->ring, buffer, 2 * page));
	for (i = 0; i < COUNT; i++)
		ASSERT_EQ(0, fence_wait(rig->fds[i], 0));
	ASSERT_EQ(0, uring_submit(&rig->ring, &request));
	EXPECT_EQ(2 * EVENT_SIZE, result(&rig->ring, READ_DATA));
	memcpy(events, buffer + offset, 2 * EVENT_SIZE);
	EXPECT_EQ(1, events[0].seqno);
	EXPECT_EQ(2, events[1].seqno);
	EXPECT_EQ(FENCE_EXPORTER_EVENT_WAIT, events[1].type);
	EXPECT_EQ(0, buffer[offset + 2 * EVENT_SIZE]);
	EXPECT_EQ(1, timeline_event(rig->tl, events, 0));
	EXPECT_EQ(3, events[0].seqno);
	munmap(buffer, 2 * page);
}

TEST_F(uring, read_what_comes)
{
	struct rig *rig = &self->rig;
	struct io_uring_cqe completion;

	ASSERT_EQ(0, submit_read(rig, EVENT_SIZE, false));
	EXPECT_EQ(0, uring_completion(&rig->ring, &completion, A_WHILE_MS));
	EXPECT_EQ(0, fence_wait(rig->fds[1], 0));
	EXPECT_EQ(EVENT_SIZE, result(&rig->ring, READ_DATA));
	EXPECT_EQ(2, rig->events[0].seqno);
}

TEST_F(uring, read_refuses)
{
	struct rig *rig = &self->rig;

	ASSERT_EQ(0, fence_wait(rig->fds[0], 0));
	ASSERT_EQ(0, submit_read(rig, EVENT_SIZE - 1, false));
	EXPECT_EQ(-EINVAL, result(&rig->ring, READ_DATA));
}

/* A thread that wakes a submitter that sleeps by mistake, so that the test ends. */
struct rescue {
	pthread_t thread;
	atomic_bool returned;
	bool needed;
	void (*help)(void *arg);
	void *arg;
};

static void *rescue(void *arg)
{
	struct rescue *rescue = arg;
	__u64 end = now_ns() + LONG_MS * NSEC_PER_MSEC;

	while (!rescue->returned && now_ns() < end)
		sleep_ms(1);
	rescue->needed = !rescue->returned;
	if (rescue->needed)
		rescue->help(rescue->arg);
	return NULL;
}

/*
 * Submits a read that has to wait, and then a NOP. Returns whether the NOP completes without help,
 * which means that the submitter does not sleep in the read.
 */
static bool submitter_goes_on(struct rig *rig, bool registered,
			      void (*help)(void *arg), void *arg)
{
	struct rescue rescuer = { .help = help, .arg = arg };
	int ret;

	if (pthread_create(&rescuer.thread, NULL, rescue, &rescuer))
		return false;
	ret = submit_read(rig, EVENT_SIZE, registered) ?: submit_nop(rig) ?:
	      result(&rig->ring, NOP_DATA);
	rescuer.returned = true;
	pthread_join(rescuer.thread, NULL);
	return !ret && !rescuer.needed;
}

static void make_an_event(void *arg)
{
	struct rig *rig = arg;

	fence_wait(rig->fds[0], 0);
}

/*
 * io_uring reads a file that was non-blocking when it was registered at once, without polling
 * first. The read finds no event.
 */
TEST_F(uring, submitter_does_not_sleep)
{
	struct rig *rig = &self->rig;

	ASSERT_EQ(0, fcntl(rig->tl, F_SETFL, O_NONBLOCK));
	ASSERT_EQ(0, uring_register(&rig->ring, rig->tl));
	ASSERT_EQ(0, fcntl(rig->tl, F_SETFL, 0));
	EXPECT_TRUE(submitter_goes_on(rig, true, make_an_event, rig));
	make_an_event(rig);
	EXPECT_EQ(EVENT_SIZE, result(&rig->ring, READ_DATA));
	EXPECT_EQ(1, rig->events[0].seqno);
}

struct held_reader {
	struct held_page page;
	pthread_t thread;
	int tl;
	int ret;
};

static void *read_into_page(void *arg)
{
	struct held_reader *reader = arg;

	reader->ret = read(reader->tl, reader->page.memory, EVENT_SIZE);
	return NULL;
}

static void release(void *arg)
{
	struct held_reader *reader = arg;

	held_page_release(&reader->page);
}

/* While another thread is in the middle of a read, a submitter does not wait for that thread. */
TEST_F(uring, submitter_does_not_wait_for_a_reader)
{
	struct rig *rig = &self->rig;
	struct held_reader reader = { .tl = rig->tl };
	int ret = held_page(&reader.page);

	if (ret)
		SKIP(return, "no userfaultfd: %s", strerror(-ret));
	ASSERT_EQ(0, fence_wait(rig->fds[0], 0));
	ASSERT_EQ(0, fence_wait(rig->fds[1], 0));
	ASSERT_EQ(0, pthread_create(&reader.thread, NULL, read_into_page, &reader));
	ASSERT_EQ(1, held_page_reached(&reader.page, LONG_MS));
	EXPECT_TRUE(submitter_goes_on(rig, false, release, &reader));
	release(&reader);
	pthread_join(reader.thread, NULL);
	EXPECT_EQ(EVENT_SIZE, reader.ret);
	EXPECT_EQ(EVENT_SIZE, result(&rig->ring, READ_DATA));
	EXPECT_EQ(2, rig->events[0].seqno);
}

TEST_F(uring, poll_before_setup)
{
	struct rig *rig = &self->rig;
	struct io_uring_cqe completion;
	int tl = timeline_open();

	ASSERT_LE(0, tl);
	ASSERT_EQ(0, submit_poll(&rig->ring, tl));
	EXPECT_EQ(0, uring_completion(&rig->ring, &completion, A_WHILE_MS));
	ASSERT_EQ(0, timeline_setup(tl, "late", 0, FENCE_EXPORTER_SETUP_EVENTS));
	EXPECT_EQ(0, fence_wait(fence_create(tl), 0));
	EXPECT_EQ(POLLIN, result(&rig->ring, POLL_DATA));
}

/* A request keeps its timeline open until the ring is closed. */
TEST_F(uring, poll_ends_with_the_ring)
{
	struct rig *rig = &self->rig;

	ASSERT_EQ(0, submit_poll(&rig->ring, rig->tl));
	ASSERT_EQ(0, submit_nop(rig));
	EXPECT_EQ(0, result(&rig->ring, NOP_DATA));
	close(rig->tl);
	rig->tl = -1;
	EXPECT_EQ(0, fence_status(rig->fds[0]));
	close(rig->ring.fd);
	rig->ring.fd = -1;
	EXPECT_EQ(1, fence_wait(rig->fds[0], LONG_MS));
	EXPECT_EQ(-ECANCELED, fence_status(rig->fds[0]));
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/* SUBMIT: a simulated engine that runs jobs one after the other. */
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "fence.h"
#include "harness.h"
#include "lateness.h"

#define MS(n)	((n) * NSEC_PER_MSEC)

FIXTURE(submit)
{
	int tl;
};

FIXTURE_SETUP(submit)
{
	ASSERT_EQ(0, lateness_watch());
	self->tl = timeline_new("engine", 0, FENCE_EXPORTER_SETUP_ENGINE);
	ASSERT_LE(0, self->tl);
}

FIXTURE_TEARDOWN(submit)
{
	close(self->tl);
}

TEST_F(submit, one_job)
{
	struct fence_exporter_submit job = {
		.duration_ns = MS(100),
		.out_fence = -1,
	};
	__u64 begin = now_ns();
	struct fence_exporter_info info;
	__u64 end;

	ASSERT_EQ(0, call(self->tl, FENCE_EXPORTER_IOC_SUBMIT, &job));
	end = now_ns();
	EXPECT_EQ(1, job.seqno);
	ASSERT_LE(0, job.out_fence);
	EXPECT_EQ(FD_CLOEXEC, fcntl(job.out_fence, F_GETFD));
	EXPECT_EQ(1, fence_wait(job.out_fence, LONG_MS));
	EXPECT_EQ(1, fence_status(job.out_fence));
	EXPECT_TRUE(in_time(fence_time(job.out_fence), begin + MS(100), end + MS(100)));
	info = timeline_state(self->tl);
	EXPECT_EQ(1, info.last_seqno);
	EXPECT_EQ(1, info.signaled);
	EXPECT_EQ(0, info.pending);
}

TEST_F(submit, jobs_run_one_after_the_other)
{
	enum { JOBS = 8 };
	__u64 begin = now_ns(), end = 0;
	int fds[JOBS];
	int i;

	for (i = 0; i < JOBS; i++) {
		fds[i] = fence_submit(self->tl, MS(40), -1, 0);
		ASSERT_LE(0, fds[i]);
		if (!i)
			end = now_ns();
	}
	EXPECT_EQ(1, fence_wait(fds[JOBS - 1], LONG_MS));
	for (i = 0; i < JOBS; i++) {
		EXPECT_EQ(1, fence_status(fds[i]));
		EXPECT_TRUE(in_time(fence_time(fds[i]), begin + MS(40), end + MS(40)));
		begin = fence_time(fds[i]);
		end = begin;
	}
}

/*
 * F4 of docs/testing.md: a job ends its duration after its start, and the next job starts at that
 * time, even if the timer is late. The timestamps show this to the nanosecond.
 */
TEST_F(submit, the_engine_has_a_time_of_its_own)
{
	enum { JOBS = 8 };
	int other = timeline_new("behind", 0, FENCE_EXPORTER_SETUP_ENGINE);
	__u64 submitted, time = 0;
	int fds[JOBS], behind;
	int i;

	for (i = 0; i < JOBS; i++)
		fds[i] = fence_submit(self->tl, MS(20) + i, -1, 0);
	behind = fence_submit(other, MS(3), fds[0], 0);
	submitted = now_ns();
	ASSERT_LE(0, behind);
	ASSERT_EQ(1, fence_wait(fds[JOBS - 1], LONG_MS));
	for (i = 0; i < JOBS; i++) {
		__u64 before = time;

		time = fence_time(fds[i]);
		/* Otherwise the engine may have been idle between the two jobs. */
		if (i && submitted < before)
			EXPECT_EQ(before + MS(20) + i, time);
	}
	ASSERT_EQ(1, fence_wait(behind, LONG_MS));
	if (submitted < fence_time(fds[0]))
		EXPECT_EQ(fence_time(fds[0]) + MS(3), fence_time(behind));
	EXPECT_LE(fence_time(fds[0]) + MS(3), fence_time(behind));
	close(other);
}

TEST_F(submit, no_duration)
{
	int fd = fence_submit(self->tl, 0, -1, 0);

	ASSERT_LE(0, fd);
	EXPECT_EQ(1, fence_wait(fd, LONG_MS));
	EXPECT_EQ(1, fence_status(fd));
}

TEST_F(submit, status)
{
	int failed = fence_submit(self->tl, MS(10), -1, -EIO);
	int next = fence_submit(self->tl, MS(10), -1, 0);

	EXPECT_EQ(1, fence_wait(next, LONG_MS));
	EXPECT_EQ(-EIO, fence_status(failed));
	/*
	 * A failed job does not affect the next job of the queue, which did not wait for its fence.
	 */
	EXPECT_EQ(1, fence_status(next));
	EXPECT_EQ(2, timeline_state(self->tl).signaled);
}

TEST_F(submit, waits_for_in_fence)
{
	int source = timeline_open();
	int in = fence_create(source);
	int out = fence_submit(self->tl, MS(50), in, 0);
	int behind = fence_submit(self->tl, 0, -1, 0);
	__u64 at;

	ASSERT_LE(0, behind);
	/* The job has its own reference to the in-fence, and does not need the descriptor. */
	close(in);
	EXPECT_EQ(0, fence_wait(out, 150));
	EXPECT_EQ(0, fence_wait(behind, 0));
	at = now_ns() + MS(50);
	ASSERT_EQ(0, fence_signal_at(source, 1, at, 0));
	EXPECT_EQ(1, fence_wait(out, LONG_MS));
	EXPECT_EQ(1, fence_wait(behind, LONG_MS));
	EXPECT_LE(at + MS(50), fence_time(out));
	EXPECT_LE(fence_time(out), fence_time(behind));
}

TEST_F(submit, in_fence_has_signaled)
{
	int source = timeline_open();
	int in = fence_create(source);
	int out;

	ASSERT_EQ(1, fence_signal(source, 1, 0));
	out = fence_submit(self->tl, MS(10), in, 0);
	EXPECT_EQ(1, fence_wait(out, LONG_MS));
	EXPECT_EQ(1, fence_status(out));
	/* The error of an in-fence that has already signaled also becomes the status of the job. */
	in = fence_create(source);
	ASSERT_EQ(1, fence_signal(source, 2, -EPIPE));
	out = fence_submit(self->tl, MS(10), in, 0);
	EXPECT_EQ(1, fence_wait(out, LONG_MS));
	EXPECT_EQ(-EPIPE, fence_status(out));
}

TEST_F(submit, error_of_in_fence_goes_on)
{
	int source = timeline_open();
	int in = fence_create(source);
	int out = fence_submit(self->tl, MS(10), in, -EIO);
	int next = fence_submit(self->tl, MS(10), out, 0);

	ASSERT_EQ(1, fence_signal(source, 1, -EPIPE));
	EXPECT_EQ(1, fence_wait(next, LONG_MS));
	EXPECT_EQ(-EPIPE, fence_status(out));
	EXPECT_EQ(-EPIPE, fence_status(next));
}

/* A job may wait for an earlier job of its own queue. */
TEST_F(submit, in_fence_of_the_same_timeline)
{
	int first = fence_submit(self->tl, MS(30), -1, 0);
	int second = fence_submit(self->tl, MS(30), first, 0);

	EXPECT_EQ(1, fence_wait(second, LONG_MS));
	EXPECT_EQ(1, fence_status(first));
	EXPECT_EQ(1, fence_status(second));
	EXPECT_LE(fence_time(first) + MS(30), fence_time(second));
}

TEST_F(submit, merged_in_fence)
{
	int a = timeline_open();
	int b = timeline_open();
	int in = fence_merge(fence_create(a), fence_create(b));
	int out = fence_submit(self->tl, 0, in, 0);

	ASSERT_LE(0, out);
	ASSERT_EQ(1, fence_signal(a, 1, 0));
	EXPECT_EQ(0, fence_wait(out, 50));
	ASSERT_EQ(1, fence_signal(b, 1, -EIO));
	EXPECT_EQ(1, fence_wait(out, LONG_MS));
	EXPECT_EQ(-EIO, fence_status(out));
}

TEST_F(submit, refuses)
{
	struct fence_exporter_submit job = { .flags = 1 };
	static const int statuses[] = { 1, INT_MAX, -4096, INT_MIN };
	struct snapshot before = snapshot(self->tl);
	int other = timeline_open();
	unsigned int i;

	before.fds = count_fds();
	EXPECT_EQ(-EINVAL, call(self->tl, FENCE_EXPORTER_IOC_SUBMIT, &job));
	job.flags = 1U << 31;
	EXPECT_EQ(-EINVAL, call(self->tl, FENCE_EXPORTER_IOC_SUBMIT, &job));
	for (i = 0; i < ARRAY_SIZE(statuses); i++)
		EXPECT_EQ(-EINVAL, fence_submit(self->tl, 0, -1, statuses[i]));
	EXPECT_EQ(-EBADF, fence_submit(self->tl, 0, 1000, 0));
	EXPECT_EQ(-EBADF, fence_submit(self->tl, 0, INT_MAX, 0));
	EXPECT_EQ(-EBADF, fence_submit(self->tl, 0, -2, 0));
	EXPECT_EQ(-EBADF, fence_submit(self->tl, 0, INT_MIN, 0));
	EXPECT_EQ(-EBADF, fence_submit(self->tl, 0, 0, 0));
	EXPECT_EQ(-EBADF, fence_submit(self->tl, 0, other, 0));
	EXPECT_EQ(-EBADF, fence_submit(self->tl, 0, self->tl, 0));
	EXPECT_TRUE(unchanged(self->tl, &before));
}

/* F11 of docs/testing.md: a call that is refused must not have begun to wait for its in-fence. */
TEST_F(submit, refused_without_a_wait)
{
	int source = timeline_new("source", 0, FENCE_EXPORTER_SETUP_EVENTS);
	int in = fence_create(source);
	struct fence_exporter_submit *arg;
	struct fence_exporter_event event;
	struct rlimit limit, none;
	int fd;

	ASSERT_LE(0, in);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	none = limit;
	none.rlim_cur = 0;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	EXPECT_EQ(-EMFILE, fence_submit(self->tl, 0, in, 0));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(0, timeline_event(source, &event, 0));

	/* The kernel can't write the answer to read-only memory. */
	arg = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, arg);
	arg->in_fences = (unsigned long)&in;
	arg->in_count = 1;
	ASSERT_EQ(0, mprotect(arg, 4096, PROT_READ));
	EXPECT_EQ(-EFAULT, call(self->tl, FENCE_EXPORTER_IOC_SUBMIT, arg));
	EXPECT_EQ(0, timeline_event(source, &event, 0));

	/* A call that succeeds waits for its in-fence. */
	fd = fence_submit(self->tl, 0, in, 0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, timeline_event(source, &event, LONG_MS));
	EXPECT_EQ(FENCE_EXPORTER_EVENT_WAIT, event.type);
	munmap(arg, 4096);
	close(source);
}

TEST_F(submit, no_mixing)
{
	int other = timeline_open();
	struct snapshot before;
	int fd = -1;

	ASSERT_LE(0, other);
	before = snapshot(self->tl);
	EXPECT_EQ(-EBUSY, fence_create_many(self->tl, &fd, 1));
	/* The call is refused before it writes the descriptors. */
	EXPECT_EQ(-1, fd);
	EXPECT_EQ(-EBUSY, fence_signal(self->tl, 0, 0));
	EXPECT_EQ(-EBUSY, fence_signal_at(self->tl, 0, 0, 0));
	EXPECT_TRUE(unchanged(self->tl, &before));
	before = snapshot(other);
	EXPECT_EQ(-EBUSY, fence_submit(other, 0, -1, 0));
	EXPECT_TRUE(unchanged(other, &before));
}

/* An engine queues events like any other timeline. */
TEST_F(submit, events)
{
	int tl = timeline_new("hung", MS(200), FENCE_EXPORTER_SETUP_ENGINE |
			      FENCE_EXPORTER_SETUP_EVENTS);
	struct fence_exporter_event event;
	int fd = fence_submit(tl, MS(1000), -1, 0);

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, fence_wait(fd, 0));
	ASSERT_EQ(1, timeline_event(tl, &event, LONG_MS));
	EXPECT_EQ(FENCE_EXPORTER_EVENT_WAIT, event.type);
	ASSERT_EQ(1, timeline_event(tl, &event, LONG_MS));
	EXPECT_EQ(FENCE_EXPORTER_EVENT_TIMEOUT, event.type);
	EXPECT_EQ(1, event.seqno);
	EXPECT_EQ(0, timeline_event(tl, &event, 0));

	/* If a job ends by itself, its event has the status of the job. */
	ASSERT_LE(0, fence_submit(tl, MS(1), -1, -EIO));
	ASSERT_EQ(1, timeline_event(tl, &event, LONG_MS));
	EXPECT_EQ(FENCE_EXPORTER_EVENT_SIGNALED, event.type);
	EXPECT_EQ(2, event.seqno);
	EXPECT_EQ(-EIO, (__s64)event.value);
	EXPECT_EQ(0, timeline_event(tl, &event, 0));
}

/* A job begins when the last of its in-fences has signaled, in whatever order they signal. */
TEST_F(submit, several_in_fences)
{
	enum { COUNT = FENCE_EXPORTER_MAX_IN_FENCES };
	int sources[COUNT], fds[COUNT];
	__u64 last;
	int out, i;

	for (i = 0; i < COUNT; i++) {
		sources[i] = timeline_open();
		fds[i] = fence_create(sources[i]);
		ASSERT_LE(0, fds[i]);
	}
	out = fence_submit_many(self->tl, MS(50), fds, COUNT, 0);
	ASSERT_LE(0, out);
	for (i = 0; i < COUNT; i++) {
		EXPECT_EQ(0, fence_status(out));
		last = now_ns();
		/* The fence at index 0 is neither the first nor the last to signal. */
		ASSERT_EQ(1, fence_signal(sources[(i + 5) % COUNT], 1, 0));
	}
	EXPECT_EQ(1, fence_wait(out, LONG_MS));
	EXPECT_EQ(1, fence_status(out));
	EXPECT_LE(last + MS(50), fence_time(out));
	/* All in-fences have signaled, and one is passed twice. */
	fds[1] = fds[0];
	out = fence_submit_many(self->tl, 0, fds, COUNT, -EIO);
	EXPECT_EQ(1, fence_wait(out, LONG_MS));
	EXPECT_EQ(-EIO, fence_status(out));
	for (i = 0; i < COUNT; i++)
		close(sources[i]);
}

/*
 * If several in-fences fail, the job has the error of the first one in the array, and not of the
 * first one in time.
 */
TEST_F(submit, first_error_of_several)
{
	int a = timeline_open(), b = timeline_open(), c = timeline_open();
	int fds[] = { fence_create(a), fence_create(b), fence_create(c) };
	int out = fence_submit_many(self->tl, 0, fds, 3, -EPERM);

	ASSERT_LE(0, out);
	ASSERT_EQ(1, fence_signal(c, 1, -EIO));
	ASSERT_EQ(1, fence_signal(b, 1, -ENODEV));
	EXPECT_EQ(0, fence_wait(out, 20));
	ASSERT_EQ(1, fence_signal(a, 1, 0));
	EXPECT_EQ(1, fence_wait(out, LONG_MS));
	EXPECT_EQ(-ENODEV, fence_status(out));
}

/* If one of several in-fences never signals, the job times out. */
TEST_F(submit, timeout_with_several)
{
	int tl = timeline_new("hung", MS(100), FENCE_EXPORTER_SETUP_ENGINE);
	int a = timeline_open(), b = timeline_open();
	int fds[] = { fence_create(a), fence_create(b) };
	int out = fence_submit_many(tl, 0, fds, 2, 0);

	ASSERT_EQ(1, fence_signal(a, 1, 0));
	EXPECT_EQ(1, fence_wait(out, LONG_MS));
	EXPECT_EQ(-ETIMEDOUT, fence_status(out));
	EXPECT_EQ(0, fence_status(fds[1]));
}

TEST_F(submit, refuses_in_fences)
{
	int source = timeline_new("source", 0, FENCE_EXPORTER_SETUP_EVENTS);
	int fds[FENCE_EXPORTER_MAX_IN_FENCES + 1];
	struct fence_exporter_event event;
	struct snapshot before;
	int i;

	for (i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = fence_create(source);
	before = snapshot(self->tl);
	EXPECT_EQ(-EINVAL, fence_submit_many(self->tl, 0, fds, ARRAY_SIZE(fds), 0));
	EXPECT_EQ(-EINVAL, fence_submit_many(self->tl, 0, fds, ~0U, 0));
	EXPECT_EQ(-EFAULT, fence_submit_many(self->tl, 0, NULL, 1, 0));
	EXPECT_EQ(-EFAULT, fence_submit_many(self->tl, 0, (int *)-4096L, 2, 0));
	/* Only the last in-fence is invalid. */
	fds[3] = self->tl;
	EXPECT_EQ(-EBADF, fence_submit_many(self->tl, 0, fds, 4, 0));
	fds[3] = -1;
	EXPECT_EQ(-EBADF, fence_submit_many(self->tl, 0, fds, 4, 0));
	EXPECT_TRUE(unchanged(self->tl, &before));
	/* The refused calls have not begun to wait for the valid in-fences. */
	EXPECT_EQ(0, timeline_event(source, &event, 0));
}

TEST_F(submit, close_cancels_the_queue)
{
	int fds[4];
	int i;

	for (i = 0; i < 4; i++)
		fds[i] = fence_submit(self->tl, MS(1000), -1, 0);
	close(self->tl);
	self->tl = -1;
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(1, fence_wait(fds[i], 0));
		EXPECT_EQ(-ECANCELED, fence_status(fds[i]));
	}
}

TEST_F(submit, cancelled_upstream)
{
	int upstream = timeline_new("up", 0, FENCE_EXPORTER_SETUP_ENGINE);
	int in = fence_submit(upstream, MS(5000), -1, 0);
	int out = fence_submit(self->tl, MS(10), in, 0);

	ASSERT_LE(0, out);
	EXPECT_EQ(0, fence_wait(out, 20));
	close(upstream);
	EXPECT_EQ(1, fence_wait(out, LONG_MS));
	EXPECT_EQ(-ECANCELED, fence_status(out));
	EXPECT_EQ(1, timeline_state(self->tl).cancelled);
	EXPECT_EQ(0, timeline_state(self->tl).signaled);
}

TEST_HARNESS_MAIN

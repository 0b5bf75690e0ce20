// SPDX-License-Identifier: GPL-2.0
/*
 * A long chain of SUBMIT calls: a thousand jobs on three engines. Each job waits for the
 * previous job on another engine. Some jobs fail, and one engine is closed.
 */
#include "fence.h"
#include "harness.h"

#define ENGINES		3
#define JOBS		1000
/* The number of jobs in a chain. The first job of each chain waits for no other job. */
#define LINKS		100
/* The index in each chain of the job that fails. */
#define FAILS		40
#define DURATION_NS	(500000ULL)
/*
 * No job may end early. How late a job ends depends on the machine's timers and on the time until
 * the next job starts. A job that runs alone measures this lateness. On average, the jobs of a
 * chain may be late by TIMES_LATE times as much, and EXTRA_LATE_NS.
 */
#define TIMES_LATE	5
#define EXTRA_LATE_NS	(2 * NSEC_PER_MSEC)
#define ALONE		40

FIXTURE(chain)
{
	int engines[ENGINES];
	int fds[JOBS];
	int fds_before;
};

FIXTURE_SETUP(chain)
{
	__u64 longest = module_limits().max_timeout_ns;
	char name[] = "engine-0";
	int i;

	ASSERT_EQ(0, allow_fds(JOBS + 64));
	self->fds_before = count_fds();
	memset(self->fds, 0xff, sizeof(self->fds));
	for (i = 0; i < ENGINES; i++) {
		name[7] = '0' + i;
		self->engines[i] = timeline_new(name, longest,
						FENCE_EXPORTER_SETUP_ENGINE);
		ASSERT_LE(0, self->engines[i]);
	}
}

FIXTURE_TEARDOWN(chain)
{
	int i;

	for (i = 0; i < ENGINES; i++)
		close(self->engines[i]);
	for (i = 0; i < JOBS; i++)
		close(self->fds[i]);
	EXPECT_EQ(self->fds_before, count_fds());
}

/* Returns an error. Successive chains have different errors. */
static int error_of_chain(int chain)
{
	static const int errors[] = { -EIO, -EPIPE, -ENODEV, -EILSEQ, -4095 };

	return errors[chain % ARRAY_SIZE(errors)];
}

/* Submits all jobs. The first job of each chain waits for @gate, or for nothing if @gate is -1. */
static int submit_all(int *engines, int *fds, int links, int fails, int gate)
{
	int i;

	for (i = 0; i < JOBS; i++) {
		int in = i % links ? fds[i - 1] : gate;
		int status = i % links == fails ? error_of_chain(i / links) : 0;

		fds[i] = fence_submit(engines[i % ENGINES], DURATION_NS, in, status);
		if (fds[i] < 0)
			return fds[i];
	}
	return 0;
}

static __u64 later(__u64 a, __u64 b)
{
	return a > b ? a : b;
}

/* Returns how late a job that runs alone ends, on average. Counts from before its submission. */
static __u64 late_alone(int engine)
{
	__u64 late = 0;
	int i;

	for (i = 0; i < ALONE; i++) {
		__u64 begin = now_ns();
		int fd = fence_submit(engine, DURATION_NS, -1, 0);

		fence_wait(fd, LONG_MS);
		late += fence_time(fd) - begin - DURATION_NS;
		close(fd);
	}
	return late / ALONE;
}

TEST_F_TIMEOUT(chain, thousand_with_errors, 180)
{
	int alone = timeline_new("alone", 0, FENCE_EXPORTER_SETUP_ENGINE);
	__u64 single = late_alone(alone);
	__u64 begin = now_ns();
	__u64 late = 0;
	__u64 times[JOBS];
	struct fence_exporter_info info;
	int i;

	ASSERT_EQ(0, submit_all(self->engines, self->fds, LINKS, FAILS, -1));
	for (i = 0; i < JOBS; i++) {
		ASSERT_EQ(1, fence_wait(self->fds[i], 60000));
		times[i] = fence_time(self->fds[i]);
	}
	for (i = 0; i < JOBS; i++) {
		int link = i % LINKS;
		int expected = link < FAILS ? 1 : error_of_chain(i / LINKS);
		__u64 start = later(begin, link ? times[i - 1] : 0);

		if (i >= ENGINES)
			start = later(start, times[i - ENGINES]);
		ASSERT_EQ(expected, fence_status(self->fds[i])) {
			TH_LOG("job %d", i);
		}
		ASSERT_LE(start + DURATION_NS, times[i]) {
			TH_LOG("job %d", i);
		}
		late += times[i] - start - DURATION_NS;
	}
	late /= JOBS;
	EXPECT_GE(TIMES_LATE * single + EXTRA_LATE_NS, late);
	ksft_print_msg("%d jobs of %llu us: late by %llu us on average, one alone by %llu us\n",
		       JOBS, DURATION_NS / 1000, late / 1000, single / 1000);
	close(alone);
	for (i = 0; i < ENGINES; i++) {
		info = timeline_state(self->engines[i]);
		EXPECT_EQ(0, info.pending);
		EXPECT_EQ(info.last_seqno, info.signaled);
		EXPECT_EQ(0, info.timed_out);
		EXPECT_EQ(0, info.cancelled);
	}
}

FIXTURE(chain_closed)
{
	int engines[ENGINES];
	int fds[JOBS];
	/* The first job waits for this fence, so that no job runs before all jobs are submitted. */
	int gate_tl;
	int gate;
};

FIXTURE_VARIANT(chain_closed)
{
	int engine;
};

FIXTURE_VARIANT_ADD(chain_closed, first)
{
	.engine = 0,
};

FIXTURE_VARIANT_ADD(chain_closed, second)
{
	.engine = 1,
};

FIXTURE_VARIANT_ADD(chain_closed, third)
{
	.engine = 2,
};

FIXTURE_SETUP(chain_closed)
{
	__u64 longest = module_limits().max_timeout_ns;
	int i;

	ASSERT_EQ(0, allow_fds(JOBS + 64));
	for (i = 0; i < ENGINES; i++) {
		self->engines[i] = timeline_new("engine", longest,
						FENCE_EXPORTER_SETUP_ENGINE);
		ASSERT_LE(0, self->engines[i]);
	}
	self->gate_tl = timeline_new("gate", longest, 0);
	self->gate = fence_create(self->gate_tl);
	ASSERT_LE(0, self->gate);
}

FIXTURE_TEARDOWN(chain_closed)
{
}

/* One engine is closed in the middle of the chain. All later jobs are cancelled. */
TEST_F_TIMEOUT(chain_closed, in_the_middle, 180)
{
	int first_cancelled = -1;
	__u64 cancelled = 0;
	int i;

	ASSERT_EQ(0, submit_all(self->engines, self->fds, JOBS, -1, self->gate));
	ASSERT_EQ(1, fence_signal(self->gate_tl, 1, 0));
	ASSERT_EQ(1, fence_wait(self->fds[200], 60000));
	close(self->engines[variant->engine]);
	for (i = 0; i < JOBS; i++) {
		int ret = fence_wait(self->fds[i], 60000);

		ASSERT_EQ(1, ret);
	}

	for (i = 0; i < JOBS; i++) {
		int status = fence_status(self->fds[i]);

		if (first_cancelled < 0 && status != 1)
			first_cancelled = i;
		ASSERT_EQ(first_cancelled < 0 ? 1 : -ECANCELED, status) {
			TH_LOG("job %d, the first cancelled is %d", i,
			       first_cancelled);
		}
		if (first_cancelled >= 0 && i % ENGINES != variant->engine)
			cancelled++;
	}
	/*
	 * The first cancelled job is on the engine that was closed, and in the middle of the chain.
	 */
	EXPECT_LT(200, first_cancelled);
	EXPECT_EQ(variant->engine, first_cancelled % ENGINES);
	for (i = 0; i < ENGINES; i++) {
		struct fence_exporter_info info;

		if (i == variant->engine)
			continue;
		info = timeline_state(self->engines[i]);
		EXPECT_EQ(0, info.pending);
		EXPECT_EQ(info.last_seqno, info.signaled + info.cancelled);
		cancelled -= info.cancelled;
	}
	EXPECT_EQ(0, cancelled);
}

/* All engines are closed at the same time, and only the last job has a descriptor. */
TEST_F_TIMEOUT(chain_closed, all_at_once, 180)
{
	int i;

	ASSERT_EQ(0, submit_all(self->engines, self->fds, JOBS, -1, self->gate));
	for (i = 0; i < JOBS - 1; i++)
		close(self->fds[i]);
	for (i = 0; i < ENGINES; i++)
		close(self->engines[(i + variant->engine) % ENGINES]);
	EXPECT_EQ(1, fence_wait(self->fds[JOBS - 1], LONG_MS));
	EXPECT_EQ(-ECANCELED, fence_status(self->fds[JOBS - 1]));
}

/*
 * Returns the shortest time of some SIGNAL calls for a fence that @jobs queued jobs wait for, in
 * ns.
 */
static __u64 signal_for(struct __test_metadata *_metadata, int jobs)
{
	__u64 longest = module_limits().max_timeout_ns;
	__u64 shortest = ~0ULL;
	int round, i;

	for (round = 0; round < 5; round++) {
		int engine = timeline_new("queue", longest, FENCE_EXPORTER_SETUP_ENGINE);
		int source = timeline_new("source", longest, 0);
		int in = fence_create(source);
		__u64 begin = now_ns();
		int last = -1;
		__u64 end;

		/* On a slow machine, fewer jobs are enough. */
		for (i = 0; i < jobs && (!i || now_ns() - begin < NSEC_PER_SEC); i++) {
			close(last);
			last = fence_submit(engine, 0, in, 0);
			ASSERT_LE(0, last);
		}
		/* Gives the engine time to begin its wait. */
		sleep_ms(20);
		begin = now_ns();
		EXPECT_EQ(1, fence_signal(source, 1, 0));
		end = now_ns();
		if (end - begin < shortest)
			shortest = end - begin;
		EXPECT_EQ(1, fence_wait(last, LONG_MS));
		EXPECT_EQ(1, fence_status(last));
		close(last);
		close(in);
		close(source);
		close(engine);
	}
	return shortest;
}

/*
 * F12 of docs/testing.md: the cost of SIGNAL does not grow with the number of queued jobs, because
 * only the first job of the queue has a callback on the in-fence.
 */
TEST(many_jobs_for_one_in_fence)
{
	__u64 one = signal_for(_metadata, 1);
	__u64 many = signal_for(_metadata, 4000);

	if (many >= 20 * one)
		TH_LOG("%llu ns with one job, %llu ns with 4000", one, many);
	EXPECT_GT(20 * one, many);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Makes every allocation, and every copy from and to user space, fail once in every
 * call. The call then succeeds, or it fails with ENOMEM or EFAULT and changes nothing.
 * Called again, it succeeds.
 *
 * Needs a kernel with fault injection: see Documentation/fault-injection.
 */
#include <stdint.h>

#include "fail.h"
#include "fence.h"
#include "harness.h"
#include "sw_sync.h"

/* More than the number of places that can fail in any call. */
#define MOST		2000

/* The descriptors that a call uses. */
struct subject {
	int tl;
	int engine;
	int compat;
	int source;
	int fence;
};

static int do_open(struct subject *s)
{
	int tl = timeline_open();

	if (tl >= 0)
		close(tl);
	return tl < 0 ? tl : s->tl < 0;
}

static int do_open_compat(struct subject *s)
{
	int tl = sw_sync_open(SW_SYNC_DEVICE);

	if (tl >= 0)
		close(tl);
	return tl < 0 ? tl : s->tl < 0;
}

static int do_setup(struct subject *s)
{
	return timeline_setup(s->tl, "fallible", 0, FENCE_EXPORTER_SETUP_EVENTS);
}

static int create(int tl, unsigned int count)
{
	int fds[FENCE_EXPORTER_MAX_FENCES];
	__s64 ret = fence_create_many(tl, fds, count);
	unsigned int i;

	if (ret < 0)
		return ret;
	for (i = 0; i < count; i++)
		close(fds[i]);
	return 0;
}

static int do_create(struct subject *s)
{
	return create(s->tl, 1);
}

static int do_create_many(struct subject *s)
{
	return create(s->tl, 16);
}

static int do_signal(struct subject *s)
{
	__s64 ret = fence_signal(s->source, 1, 0);

	return ret < 0 ? ret : 0;
}

static int do_signal_at(struct subject *s)
{
	/*
	 * now_ns() might make a system call, and then the fault would hit that one. So the time is
	 * constant.
	 */
	return fence_signal_at(s->source, 1, INT64_MAX, 0);
}

static int close_answer(int fd)
{
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int do_submit(struct subject *s)
{
	return close_answer(fence_submit(s->engine, NSEC_PER_SEC, -1, 0));
}

static int do_submit_after(struct subject *s)
{
	return close_answer(fence_submit(s->engine, NSEC_PER_SEC, s->fence, 0));
}

static int do_info(struct subject *s)
{
	struct fence_exporter_info info;

	return timeline_info(s->tl, &info);
}

static int do_compat_create(struct subject *s)
{
	return close_answer(sw_sync_create(s->compat, 1));
}

static int do_compat_inc(struct subject *s)
{
	return sw_sync_inc(s->compat, 0);
}

static int do_file_info(struct subject *s)
{
	struct sync_fence_info info;

	return fence_describe(s->fence, &info);
}

static int do_merge(struct subject *s)
{
	return close_answer(fence_merge(s->fence, s->fence));
}

static int do_deadline(struct subject *s)
{
	return fence_set_deadline(s->fence, NSEC_PER_SEC);
}

FIXTURE(fail)
{
	struct subject subject;
	int fail_nth;
};

FIXTURE_VARIANT(fail)
{
	int (*call)(struct subject *subject);
	bool compat;
};

FIXTURE_VARIANT_ADD(fail, open)
{
	.call = do_open,
};

FIXTURE_VARIANT_ADD(fail, setup)
{
	.call = do_setup,
};

FIXTURE_VARIANT_ADD(fail, create)
{
	.call = do_create,
};

FIXTURE_VARIANT_ADD(fail, create_many)
{
	.call = do_create_many,
};

FIXTURE_VARIANT_ADD(fail, signal)
{
	.call = do_signal,
};

FIXTURE_VARIANT_ADD(fail, signal_at)
{
	.call = do_signal_at,
};

FIXTURE_VARIANT_ADD(fail, submit)
{
	.call = do_submit,
};

FIXTURE_VARIANT_ADD(fail, submit_after)
{
	.call = do_submit_after,
};

FIXTURE_VARIANT_ADD(fail, info)
{
	.call = do_info,
};

FIXTURE_VARIANT_ADD(fail, file_info)
{
	.call = do_file_info,
};

FIXTURE_VARIANT_ADD(fail, merge)
{
	.call = do_merge,
};

FIXTURE_VARIANT_ADD(fail, deadline)
{
	.call = do_deadline,
};

FIXTURE_VARIANT_ADD(fail, open_compat)
{
	.call = do_open_compat,
	.compat = true,
};

FIXTURE_VARIANT_ADD(fail, compat_create)
{
	.call = do_compat_create,
	.compat = true,
};

FIXTURE_VARIANT_ADD(fail, compat_inc)
{
	.call = do_compat_inc,
	.compat = true,
};

FIXTURE_SETUP(fail)
{
	self->fail_nth = fail_open();
	if (self->fail_nth < 0)
		SKIP(return, "no fault injection in this kernel");
	if (variant->compat && access(SW_SYNC_DEVICE, F_OK))
		SKIP(return, SW_SYNC_DEVICE " is not there: load with sw_sync=1");
}

FIXTURE_TEARDOWN(fail)
{
}

static void prepare(struct subject *subject)
{
	subject->tl = timeline_open();
	subject->engine = timeline_new("engine", 0, FENCE_EXPORTER_SETUP_ENGINE);
	subject->source = timeline_new("source", 0, 0);
	subject->fence = fence_create(subject->source);
	subject->compat = sw_sync_open(SW_SYNC_DEVICE);
}

static void finish(struct subject *subject)
{
	close(subject->fence);
	close(subject->compat);
	close(subject->source);
	close(subject->engine);
	close(subject->tl);
}

struct all {
	struct snapshot tl;
	struct snapshot engine;
	struct snapshot source;
};

static void look(const struct subject *subject, struct all *all)
{
	all->tl = snapshot(subject->tl);
	all->engine = snapshot(subject->engine);
	all->source = snapshot(subject->source);
}

static bool as_before(const struct subject *subject, const struct all *all)
{
	return unchanged(subject->tl, &all->tl) &&
	       unchanged(subject->engine, &all->engine) &&
	       unchanged(subject->source, &all->source);
}

TEST_F_TIMEOUT(fail, each_once, 390)
{
	int refused = 0;
	int nth;

	/*
	 * Makes the call once without a fault, so that everything that is allocated lazily exists.
	 */
	prepare(&self->subject);
	ASSERT_LE(0, self->subject.fence);
	ASSERT_EQ(0, variant->call(&self->subject));
	finish(&self->subject);

	for (nth = 1; nth < MOST; nth++) {
		struct all before;
		bool failed;
		int ret;

		prepare(&self->subject);
		ASSERT_LE(0, self->subject.fence) {
			TH_LOG("before place %d: %d", nth,
			       self->subject.fence);
		}
		look(&self->subject, &before);
		fail_arm(self->fail_nth, nth);
		ret = variant->call(&self->subject);
		failed = fail_reached(self->fail_nth);
		fail_arm(self->fail_nth, 0);
		if (ret) {
			refused++;
			ASSERT_TRUE(failed);
			ASSERT_TRUE(ret == -ENOMEM || ret == -EFAULT) {
				TH_LOG("place %d: %d", nth, ret);
			}
			ASSERT_TRUE(as_before(&self->subject, &before)) {
				TH_LOG("place %d", nth);
			}
			ASSERT_EQ(0, variant->call(&self->subject)) {
				TH_LOG("after place %d", nth);
			}
		}
		finish(&self->subject);
		if (!failed)
			break;
	}
	ASSERT_GT(MOST, nth);
	ksft_print_msg("%d places, %d of them refuse the call\n", nth - 1, refused);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/* The calls of the threads of a round on /dev/fence_exporter. native.c lists the invariants. */
#include <errno.h>
#include <unistd.h>

#include "fence.h"
#include "native.h"

void native_check_status(struct native *round, __u64 seqno, int status)
{
	unsigned int at = FIRST_STATUS - status;

	if (status == 0 || (status == -ECANCELED && atomic_load(&round->closing)) ||
	    (status == -ETIMEDOUT && round->timeout_ns < DAY_NS))
		return;
	if (status > 0 || status > FIRST_STATUS || at >= atomic_load(&round->signal_count) ||
	    !atomic_load(&round->signals[at].begun) || round->signals[at].seqno < seqno)
		violated(&round->round, "fence %llu has the status %d", seqno, status);
}

int native_check(struct native *round, __u64 seqno)
{
	__u64 signaled = atomic_load(&round->signaled);
	int status = fence_status(round->fds[seqno]);

	if (status == 0 && seqno <= signaled)
		violated(&round->round, "fence %llu is pending after SIGNAL of %llu", seqno,
			 signaled);
	native_check_status(round, seqno, status);
	return status;
}

__u64 native_any(struct native *round, struct rng *rng)
{
	__u64 created = atomic_load(&round->created);
	__u64 near = created < 100 ? created : 100;
	__u64 seqno;

	if (!created)
		return 0;
	seqno = draw(rng) % 2 ? 1 + draw_below(rng, created) : created - draw_below(rng, near);
	/* CREATE calls may return out of order, so this number's call may not have returned. */
	return atomic_load(&round->fds[seqno]) >= 0 ? seqno : 0;
}

/* Checks invariant 3 for two fences. */
static void check_order(struct native *round, struct rng *rng)
{
	__u64 a = native_any(round, rng);
	__u64 b = native_any(round, rng);
	__u64 low = a < b ? a : b;

	if (low && native_check(round, a < b ? b : a) != 0 && native_check(round, low) == 0)
		violated(&round->round, "fence %llu is pending, %llu has signaled", low,
			 a < b ? b : a);
}

/* Checks invariant 6. */
static void check_info(struct native *round, struct thread *thread)
{
	struct fence_exporter_info *before = &round->last_info[thread->number];
	__u64 created = atomic_load(&round->created);
	__u64 signaled = atomic_load(&round->signaled);
	struct fence_exporter_info info = timeline_state(round->tl);
	__u64 creating = atomic_load(&round->creating);
	__u64 emitted = info.pending + info.signaled + info.timed_out + info.cancelled;

	if (emitted < info.last_seqno || emitted > info.last_seqno + FENCE_EXPORTER_MAX_FENCES ||
	    emitted > creating)
		violated(&round->round, "INFO: last %llu, pending %llu, signaled %llu, of %llu",
			 info.last_seqno, info.pending, info.signaled, creating);
	if (info.last_seqno < created || info.last_seqno > creating)
		violated(&round->round, "INFO: last %llu, not from %llu to %llu", info.last_seqno,
			 created, creating);
	if (info.signaled_seqno < signaled || info.signaled_seqno > info.last_seqno)
		violated(&round->round, "INFO: signaled up to %llu of %llu, after SIGNAL of %llu",
			 info.signaled_seqno, info.last_seqno, signaled);
	if (info.last_seqno < before->last_seqno || info.signaled < before->signaled ||
	    info.signaled_seqno < before->signaled_seqno)
		violated(&round->round, "INFO: last %llu, signaled up to %llu: it was more before",
			 info.last_seqno, info.signaled_seqno);
	if ((info.timed_out && round->timeout_ns == DAY_NS) || info.cancelled)
		violated(&round->round, "INFO: %llu timed out, %llu cancelled", info.timed_out,
			 info.cancelled);
	if (info.failed < before->failed || info.failed_seqno < before->failed_seqno ||
	    info.failed < info.timed_out || info.failed > info.failed_seqno ||
	    info.failed_seqno > info.signaled_seqno || !info.failed != !info.failed_status)
		violated(&round->round, "INFO: %llu failed, up to %llu with %d", info.failed,
			 info.failed_seqno, info.failed_status);
	*before = info;
}

void native_check_signaled(struct native *round, __u64 seqno)
{
	struct fence_exporter_info info;

	info = timeline_state(round->tl);
	if (info.signaled_seqno < seqno || info.pending > atomic_load(&round->creating) - seqno)
		violated(&round->round, "fence %llu has signaled; INFO: up to %llu, pending %llu",
			 seqno, info.signaled_seqno, info.pending);
	if (native_check(round, seqno) < 0 && info.failed_seqno < seqno)
		violated(&round->round, "fence %llu has failed; INFO: the last one is %llu", seqno,
			 info.failed_seqno);
}

void native_create(struct native *round, unsigned int count)
{
	int fds[FENCE_EXPORTER_MAX_FENCES];
	__u64 called;
	__s64 first;
	unsigned int i;

	if (atomic_fetch_add(&round->creating, count) + count > MOST_FENCES) {
		atomic_fetch_sub(&round->creating, count);
		return;
	}
	called = now_ns();
	first = fence_create_many(round->tl, fds, count);
	/* EAGAIN: the timeline is O_NONBLOCK, and another thread is creating fences. */
	if (first == -EAGAIN) {
		atomic_fetch_sub(&round->creating, count);
		return;
	}
	if (first < 1 || first + count - 1 > MOST_FENCES) {
		violated(&round->round, "CREATE answers %lld", first);
		return;
	}
	for (i = 0; i < count; i++) {
		round->called_ns[first + i] = called;
		round->created_ns[first + i] = now_ns();
	}
	for (i = 0; i < count; i++) {
		int fd = atomic_exchange(&round->fds[first + i], fds[i]);

		if (fd >= 0)
			violated(&round->round, "CREATE gives %llu twice", first + i);
	}
	atomic_fetch_add(&round->created, count);
	native_check(round, first + count - 1);
}

struct signal *native_next_signal(struct native *round, __u64 seqno, __u64 time_ns, int *status)
{
	unsigned int at = atomic_fetch_add(&round->signal_count, 1);
	struct signal *signal = &round->signals[at];

	if (at >= MOST_SIGNALS) {
		atomic_fetch_sub(&round->signal_count, 1);
		return NULL;
	}
	*status = FIRST_STATUS - (int)at;
	signal->seqno = seqno;
	signal->time_ns = time_ns;
	atomic_store(&signal->begun, true);
	return signal;
}

static void note_signaled(struct native *round, __u64 seqno)
{
	__u64 signaled = atomic_load(&round->signaled);

	while (signaled < seqno &&
	       !atomic_compare_exchange_weak(&round->signaled, &signaled, seqno))
		;
}

static void signal_some(struct native *round, struct rng *rng)
{
	__u64 seqno = native_any(round, rng);
	struct signal *signal;
	unsigned int i;
	int status;

	signal = native_next_signal(round, seqno, 0, &status);
	if (!signal)
		return;
	signal->answer = fence_signal(round->tl, seqno, status);
	if (signal->answer < 0)
		violated(&round->round, "SIGNAL of %llu answers %lld", seqno, signal->answer);
	note_signaled(round, seqno);
	for (i = 0; i < 3; i++) {
		seqno = native_any(round, rng);
		if (seqno)
			native_check(round, seqno);
	}
}

static void signal_later(struct native *round, struct rng *rng)
{
	__u64 seqno = native_any(round, rng);
	__u64 time = now_ns() - 50000 + draw_below(rng, 2 * NSEC_PER_MSEC);
	struct signal *signal;
	int status, ret;

	signal = native_next_signal(round, seqno, time, &status);
	if (!signal)
		return;
	ret = fence_signal_at(round->tl, seqno, time, status);
	signal->returned_ns = now_ns();
	if (ret)
		violated(&round->round, "SIGNAL_AT of %llu answers %d", seqno, ret);
}

static void merge_two(struct native *round, struct rng *rng)
{
	__u64 a = native_any(round, rng);
	__u64 b = native_any(round, rng);
	bool signaled;
	int merged;

	if (!a || !b)
		return;
	merged = fence_merge(round->fds[a], round->fds[b]);
	if (merged < 0) {
		violated(&round->round, "SYNC_IOC_MERGE answers %d", merged);
		return;
	}
	signaled = draw(rng) % 2 ? polls_as_signaled(merged) : fence_status(merged) != 0;
	if (signaled && (native_check(round, a) == 0 || native_check(round, b) == 0))
		violated(&round->round, "fences %llu and %llu have signaled as one, and not each",
			 a, b);
	close(merged);
}

static void poll_one(struct native *round, struct rng *rng)
{
	__u64 signaled = atomic_load(&round->signaled);
	__u64 seqno = native_any(round, rng);
	bool ready;

	if (!seqno)
		return;
	ready = polls_as_signaled(round->fds[seqno]);
	if (ready && native_check(round, seqno) == 0)
		violated(&round->round, "fence %llu is ready and pending", seqno);
	if (ready)
		native_check_signaled(round, seqno);
	if (!ready && seqno <= signaled)
		violated(&round->round, "fence %llu is not ready after SIGNAL of %llu", seqno,
			 signaled);
}

static void set_deadline(struct native *round, struct rng *rng)
{
	__u64 seqno = native_any(round, rng);
	int ret;

	if (!seqno)
		return;
	ret = fence_set_deadline(round->fds[seqno], round->deadline + draw_below(rng, DEADLINES));
	if (ret)
		violated(&round->round, "SET_DEADLINE answers %d", ret);
}

/*
 * Returns whether a SIGNAL_AT has asked to signal up to this fence with this status, and no earlier
 * event has reported that call.
 */
static bool asked_for(struct native *round, __u64 seqno, __s64 status)
{
	__u64 at = FIRST_STATUS - status;
	struct signal *signal = &round->signals[at];

	return at < atomic_load(&round->signal_count) && atomic_load(&signal->begun) &&
	       signal->seqno == seqno && signal->time_ns && !atomic_fetch_add(&signal->told, 1);
}

/* Checks invariant 9 for one event. */
static void check_event(struct native *round, const struct fence_exporter_event *event)
{
	bool known = event->seqno >= 1 && event->seqno <= atomic_load(&round->creating);

	if (event->type == FENCE_EXPORTER_EVENT_WAIT && known &&
	    !atomic_fetch_add(&round->waits[event->seqno], 1))
		return;
	if (event->type == FENCE_EXPORTER_EVENT_DEADLINE && known &&
	    event->value >= round->deadline && event->value < round->deadline + DEADLINES)
		return;
	if (event->type == FENCE_EXPORTER_EVENT_OVERFLOW && event->value)
		return;
	if (event->type == FENCE_EXPORTER_EVENT_SIGNALED && known &&
	    asked_for(round, event->seqno, event->value))
		return;
	if (event->type == FENCE_EXPORTER_EVENT_TIMEOUT && known && round->timeout_ns < DAY_NS)
		return;
	violated(&round->round, "event %u of fence %llu, value %llu", event->type, event->seqno,
		 event->value);
}

static void read_events(struct native *round, struct rng *rng)
{
	struct fence_exporter_event events[8];
	ssize_t ret = read(round->tl, events, (1 + draw_below(rng, 8)) * sizeof(*events));
	unsigned int i;

	/* EINVAL: the timeline of this round queues no events. */
	if (ret < 0 && errno != EAGAIN && errno != EINVAL)
		violated(&round->round, "read answers %d", -errno);
	for (i = 0; ret > 0 && i < ret / sizeof(*events); i++)
		check_event(round, &events[i]);
}

/* Uses duplicates of the descriptors of the timeline and of a fence, and closes them. */
static void use_twins(struct native *round, struct rng *rng)
{
	__u64 seqno = native_any(round, rng);
	int tl = dup(round->tl);
	int fd = seqno ? dup(round->fds[seqno]) : -1;

	if (seqno && polls_as_signaled(fd) && native_check(round, seqno) == 0)
		violated(&round->round, "fence %llu is ready and pending", seqno);
	if (timeline_state(tl).last_seqno < seqno)
		violated(&round->round, "another descriptor doesn't know fence %llu", seqno);
	close(tl);
	if (seqno)
		close(fd);
}

void native_call(struct native *round, struct thread *thread)
{
	struct rng *rng = &thread->rng;
	unsigned int most = draw(rng) % 2 ? 3 : FENCE_EXPORTER_MAX_FENCES;

	switch (draw_below(rng, 16)) {
	case 0 ... 2:
		native_create(round, 1 + draw_below(rng, most));
		break;
	case 3 ... 4:
		signal_some(round, rng);
		break;
	case 5 ... 6:
		signal_later(round, rng);
		break;
	case 7 ... 8:
		check_info(round, thread);
		break;
	case 9:
		merge_two(round, rng);
		break;
	case 10:
		poll_one(round, rng);
		break;
	case 11:
		set_deadline(round, rng);
		break;
	case 12:
		read_events(round, rng);
		break;
	case 13:
		use_twins(round, rng);
		break;
	default:
		check_order(round, rng);
	}
}

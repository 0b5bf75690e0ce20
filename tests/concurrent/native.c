// SPDX-License-Identifier: GPL-2.0
/*
 * Several threads use a timeline of /dev/fence_exporter at the same time.
 *
 * Each SIGNAL and SIGNAL_AT has a status of its own, so that the status of a fence tells which
 * call has signaled it. The model notes each call before it is made, and when it has returned. What
 * the calls that have returned must have done is read before the call that is checked, and what
 * the calls that have begun may have done, after it.
 *
 * The invariants, each of which holds for every interleaving:
 *
 * 1. SIGNAL has returned: nothing up to its number is pending. That is what SIGNAL promises, also
 *    for the fences that another thread is signaling.
 * 2. A fence has the status of a call that has begun, that reaches the fence, and whose time, if
 *    it is SIGNAL_AT, was not in the future when the fence signaled. -ECANCELED comes from
 *    close(2) only, and -ETIMEDOUT only if the timeline was set up with a short timeout.
 * 3. If a fence has signaled, then so has each fence before it: every signaler goes in the order
 *    of the numbers, and passes a fence only when that has signaled. So the times of all fences
 *    are in the order of their numbers, too.
 * 4. SIGNAL answers how many fences have its status: each fence is signaled by one call, which
 *    counts it.
 * 5. CREATE gives each number once, without gaps. Each call gives numbers that follow
 *    one another.
 * 6. INFO is one snapshot: pending + signaled + timed_out + cancelled fences are all fences that
 *    have been emitted. These are the ones up to last_seqno, and those of at most one CREATE
 *    that is under way and may fail yet. Of two calls of one thread, the second one answers
 *    no lower last_seqno and signaled_seqno. Both are at least what the calls that have returned
 *    made of them, and last_seqno is at most what all CREATE calls that have begun can make.
 *    Its failed fences are some of those that have completed, all of them up to failed_seqno; they
 *    are never less than before. In the end they are exactly the fences whose status is an error.
 * 7. A fence that is seen signaled is not pending in an INFO that is asked for later. If it has an
 *    error, that INFO counts it as failed.
 * 8. A merged sync_file of this timeline is the later fence, or has signaled like both: if it
 *    has signaled, then so has each member.
 * 9. WAIT is queued once a fence. A DEADLINE is one that a thread has set. SIGNALED tells
 *    of a SIGNAL_AT, once.
 * 10. After close(2) no fence is pending. Those that were pending have -ECANCELED; by 3 they are
 *    the last ones.
 * 11. A fence times out when its timeout has ended, or later. That runs from some moment between
 *    the call of CREATE and its return. However late the timer is, what has the earlier time comes
 *    first: a fence that times out is none that a SIGNAL_AT reaches which had returned before the
 *    timeout ended, and whose time is before that, too. And a SIGNAL_AT signals no fence whose
 *    timeout ended before the time that it was given.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "fence.h"
#include "native.h"

#define MOST_CALLS	400

static void *work(void *arg)
{
	struct thread *thread = arg;
	struct native *round = (struct native *)thread->round;
	unsigned int i;

	pthread_barrier_wait(&round->round.begin);
	for (i = 0; i < round->calls; i++)
		native_call(round, thread);
	return NULL;
}

static void *wait_for_fences(void *arg)
{
	struct thread *thread = arg;
	struct native *round = (struct native *)thread->round;

	pthread_barrier_wait(&round->round.begin);
	while (!atomic_load(&round->round.over)) {
		__u64 seqno = native_any(round, &thread->rng);
		struct pollfd fds = { .events = POLLIN };

		if (!seqno || native_check(round, seqno) != 0) {
			sched_yield();
			continue;
		}
		fds.fd = round->fds[seqno];
		if (poll(&fds, 1, -1) != 1 || native_check(round, seqno) == 0)
			violated(&round->round, "fence %llu is pending, but its waiter was woken",
				 seqno);
		/* If the timeline is left to close(2), its descriptor may already be closed. */
		if (!round->left)
			native_check_signaled(round, seqno);
	}
	return NULL;
}

/* Checks invariant 11 for a fence that has timed out. */
static void check_timed_out(struct native *round, __u64 seqno, __u64 time)
{
	__u64 earliest = round->called_ns[seqno] + round->timeout_ns;
	unsigned int i;

	if (time < earliest)
		violated(&round->round, "fence %llu: timed out at %llu, created after %llu", seqno,
			 time, round->called_ns[seqno]);
	for (i = 0; i < round->signal_count; i++) {
		const struct signal *signal = &round->signals[i];

		if (signal->time_ns && signal->seqno >= seqno && signal->time_ns < earliest &&
		    signal->returned_ns < earliest)
			violated(&round->round,
				 "fence %llu: timed out at %llu, not by SIGNAL_AT of %llu", seqno,
				 earliest, signal->time_ns);
	}
}

/* Checks invariant 11, and the time in invariant 2, for a fence that a call has signaled. */
static void check_signal(struct native *round, __u64 seqno, const struct signal *signal,
			 __u64 time)
{
	if (time < signal->time_ns)
		violated(&round->round, "fence %llu: at %llu by SIGNAL_AT of %llu", seqno, time,
			 signal->time_ns);
	if (signal->time_ns > round->created_ns[seqno] + round->timeout_ns)
		violated(&round->round, "fence %llu: by SIGNAL_AT of %llu, not timed out at %llu",
			 seqno, signal->time_ns, round->created_ns[seqno] + round->timeout_ns);
}

/* Checks invariants 2, 3, 4, 5 and 11 after all fences have signaled. */
static void check_all(struct native *round, __u64 last)
{
	__u64 before = 0;
	__u64 seqno;
	unsigned int i;

	for (i = 0; i < round->signal_count; i++)
		round->signals[i].found = 0;
	for (seqno = 1; seqno <= last; seqno++) {
		struct sync_fence_info fence = {};
		struct signal *signal;

		if (round->fds[seqno] < 0) {
			violated(&round->round, "CREATE has left out %llu of %llu", seqno, last);
			continue;
		}
		fence_describe(round->fds[seqno], &fence);
		native_check_status(round, seqno, fence.status);
		if (fence.status == 0 || fence.timestamp_ns < before)
			violated(&round->round, "fence %llu: %d at %llu, the one before at %llu",
				 seqno, fence.status, fence.timestamp_ns, before);
		before = fence.timestamp_ns;
		if (fence.status == -ETIMEDOUT)
			check_timed_out(round, seqno, fence.timestamp_ns);
		if (fence.status > FIRST_STATUS)
			continue;
		signal = &round->signals[FIRST_STATUS - fence.status];
		signal->found++;
		check_signal(round, seqno, signal, fence.timestamp_ns);
	}
	for (i = 0; i < round->signal_count; i++) {
		const struct signal *signal = &round->signals[i];

		if (!signal->time_ns && signal->answer != signal->found)
			violated(&round->round, "SIGNAL of %llu answers %lld, %lld have its status",
				 signal->seqno, signal->answer, signal->found);
	}
}

static void join_waiters(struct native *round)
{
	unsigned int i;

	atomic_store(&round->round.over, true);
	for (i = 0; i < WAITERS; i++)
		round_join(&round->round, &round->threads[round->workers + i], "a waiter");
}

/* Checks invariant 6 for the failed fences, when all fences have signaled. */
static void check_failed(struct native *round, __u64 last, const struct fence_exporter_info *info)
{
	__u64 failed = 0, failed_seqno = 0;
	int failed_status = 0;
	__u64 seqno;

	for (seqno = 1; seqno <= last; seqno++) {
		int status = round->fds[seqno] < 0 ? 0 : fence_status(round->fds[seqno]);

		if (status < 0) {
			failed++;
			failed_seqno = seqno;
			failed_status = status;
		}
	}
	if (info->failed != failed || info->failed_seqno != failed_seqno ||
	    info->failed_status != failed_status)
		violated(&round->round, "INFO: %llu failed, the last one %llu with %d, not %llu",
			 info->failed, info->failed_seqno, info->failed_status, failed);
}

static void signal_rest(struct native *round, __u64 last)
{
	struct fence_exporter_info info;
	struct signal *signal;
	int status;

	signal = native_next_signal(round, last, 0, &status);
	signal->answer = fence_signal(round->tl, last, status);
	info = timeline_state(round->tl);
	if (info.pending || info.signaled + info.timed_out != last ||
	    info.signaled_seqno != last)
		violated(&round->round, "INFO: pending %llu, signaled %llu of %llu", info.pending,
			 info.signaled, last);
	check_failed(round, last, &info);
}

/* Signals the fences that are still pending, or leaves them to close(2). */
static void finish(struct native *round)
{
	__u64 last = atomic_load(&round->created);
	struct fence_exporter_info info = timeline_state(round->tl);

	if (info.last_seqno != last || last != atomic_load(&round->creating))
		violated(&round->round, "INFO: last %llu, created %llu", info.last_seqno, last);
	if (round->left) {
		atomic_store(&round->closing, true);
		close(round->tl);
		join_waiters(round);
	} else {
		signal_rest(round, last);
		join_waiters(round);
		close(round->tl);
	}
	check_all(round, last);
}

static void open_timeline(struct native *round, const char *path, struct rng *rng)
{
	__u32 flags = draw(rng) % 2 ? FENCE_EXPORTER_SETUP_EVENTS : 0;

	round->timeout_ns = draw(rng) % 2 ? DAY_NS : 100000 + draw_below(rng, 3 * NSEC_PER_MSEC);
	round->tl = open_device(path);
	if (round->tl < 0 || timeline_setup(round->tl, "concurrent", round->timeout_ns, flags)) {
		violated(&round->round, "no timeline with a timeout of %llu", round->timeout_ns);
		return;
	}
	/* Non-blocking, because read(2) must not wait for an event. */
	fcntl(round->tl, F_SETFL, O_NONBLOCK);
}

bool native_round(const char *path, __u32 seed)
{
	static struct native round;
	struct rng rng = { .state = ~(__u64)seed };
	int fds = count_fds();
	unsigned int i;

	memset(&round, 0, sizeof(round));
	for (i = 0; i <= MOST_FENCES; i++)
		round.fds[i] = -1;
	round.deadline = now_ns();
	round.workers = 2 + draw_below(&rng, MOST_WORKERS - 1);
	round.left = draw(&rng) % 2;
	round.calls = 50 + draw_below(&rng, MOST_CALLS - 50);
	round_init(&round.round, seed, round.workers + WAITERS);
	open_timeline(&round, path, &rng);
	if (round.round.violations)
		return false;
	/* Begins with few fences, or with so many that signaling takes many batches. */
	for (i = draw_below(&rng, draw(&rng) % 2 ? 128 : 3); i; i--)
		native_create(&round, FENCE_EXPORTER_MAX_FENCES);
	for (i = 0; i < round.workers + WAITERS; i++)
		round_start(&round.round, &round.threads[i], i,
			    i < round.workers ? work : wait_for_fences);
	for (i = 0; i < round.workers; i++)
		pthread_join(round.threads[i].id, NULL);
	finish(&round);
	for (i = 1; i <= MOST_FENCES; i++)
		if (round.fds[i] >= 0)
			close(round.fds[i]);
	if (count_fds() != fds)
		violated(&round.round, "%d descriptors, %d before", count_fds(), fds);
	pthread_barrier_destroy(&round.round.begin);
	return !atomic_load(&round.round.violations);
}

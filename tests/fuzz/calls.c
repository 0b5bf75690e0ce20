// SPDX-License-Identifier: GPL-2.0
/* The table of calls: how often each is drawn, and with which errors it may fail. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "calls.h"

#define MOST_ERRORS	12
/*
 * More than a timeline's queue of events can hold, and more than the number of fences at which
 * pruning begins.
 */
#define MOST_TIMES	300

static const struct {
	const char *name;
	/* NULL for fork, whose child runs the steps that follow. */
	int (*run)(struct thread *thread, const struct step *step);
	unsigned int weight;
	/* Errors that this call may answer, besides those that any call may answer. */
	int errors[MOST_ERRORS];
} calls[] = {
	/*
	 * Programs name a call by its index. So a new call goes to the end of this table, and its
	 * name to the end of the first line of the corpus. The first three calls have the indices
	 * CALL_OPEN, CALL_OPEN_COMPAT and CALL_SETUP.
	 */
	{ "open", do_open, 50, { EMFILE, ENFILE } },
	{ "open_compat", do_open_compat, 25, { EMFILE, ENFILE } },
	{ "setup", do_setup, 60, { EBUSY, EAGAIN, EINTR } },
	{ "create", do_create, 120, { EBUSY, EAGAIN, EINTR, EMFILE, ENFILE, ENOSPC } },
	{ "signal", do_signal, 80, { EBUSY } },
	{ "signal_at", do_signal_at, 50, { EBUSY, ENOSPC } },
	{ "submit", do_submit, 80, { EBUSY, EAGAIN, EINTR, EMFILE, ENFILE, ENOSPC } },
	{ "info", do_info, 25, {} },
	{ "query", do_query, 10, {} },
	{ "export_fence", do_export_fence, 40, { ENOENT, EMFILE, ENFILE } },
	{ "read", do_read, 30, { EAGAIN, EINTR } },
	{ "fdinfo", do_fdinfo, 8, { ENOENT, EMFILE, ENFILE } },
	{ "any_ioctl", do_any_ioctl, 20,
	  { EBUSY, EAGAIN, EINTR, EMFILE, ENFILE, ENOENT, ENOSPC } },
	{ "describe", do_describe, 50, {} },
	{ "merge", do_merge, 30, { ENOENT, EMFILE, ENFILE } },
	{ "deadline", do_deadline, 30, {} },
	{ "poll", do_poll, 50, { EINTR } },
	{ "epoll", do_epoll, 15, { EEXIST, ENOENT, EPERM, EINTR } },
	{ "import", do_import, 20, {} },
	{ "export", do_export, 15, { EMFILE, ENFILE } },
	{ "poll_buffer", do_poll_buffer, 10, { EINTR } },
	{ "compat_create", do_compat_create, 50, { ENOSPC, EINTR, EMFILE, ENFILE } },
	{ "compat_inc", do_compat_inc, 40, {} },
	{ "compat_deadline", do_compat_deadline, 25, { ENOENT } },
	{ "close", do_close, 60, {} },
	{ "dup", do_dup, 15, { EMFILE } },
	{ "send", do_send, 10, { EAGAIN, ETOOMANYREFS, ENOBUFS } },
	{ "receive", do_receive, 15, { EAGAIN, EPROTO, EMFILE } },
	{ "nonblocking", do_nonblocking, 8, {} },
	{ "file", do_file, 8, { ESPIPE, ENODEV, EACCES, EAGAIN, EINTR } },
	{ "fault", do_fault, 60, {} },
	{ "sleep", do_sleep, 8, {} },
	{ "fork", NULL, 6, { EAGAIN } },
	{ "trace", do_trace, 1, { ENOENT, EMFILE, ENFILE } },
	{ "ring", do_ring, 25, { EAGAIN, EBUSY, EINTR, EBADR } },
	{ "nest", do_nest, 25, { EEXIST, ENOENT, EPERM, EINTR, ELOOP } },
	{ "flip", do_flip, 8, { EBUSY, EINTR, EMFILE, ENFILE } },
};

const unsigned int call_count = sizeof(calls) / sizeof(*calls);

bool calls_are(char *names)
{
	unsigned int call = 0;
	char *name;

	for (name = strtok(names, "\n "); name; name = strtok(NULL, "\n "), call++)
		if (call == call_count || strcmp(name, calls[call].name))
			return false;
	return call == call_count;
}

unsigned int call_weight(unsigned int call)
{
	return calls[call].weight;
}

int slot_of(struct thread *thread, const struct step *step, enum kind kind, unsigned int index)
{
	index = step->how & HOW_ANY_KIND ? index % SLOTS :
		kind * SLOTS_OF_A_KIND + index % SLOTS_OF_A_KIND;
	return thread->worker->slots[index];
}

void slot_put(struct thread *thread, enum kind kind, unsigned int index, int fd)
{
	index = kind * SLOTS_OF_A_KIND + index % SLOTS_OF_A_KIND;
	fd = atomic_exchange(&thread->worker->slots[index], fd);
	if (fd >= 0)
		close(fd);
}

int slot_take(struct thread *thread, unsigned int index)
{
	return atomic_exchange(&thread->worker->slots[index % SLOTS], -1);
}

/* Puts a descriptor into a place, and closes the one that was there. */
static void replace(struct thread *thread, atomic_int *place, int fd)
{
	fd = atomic_exchange(place, fd);
	if (fd >= 0) {
		close(fd);
		thread->calls++;
	}
}

void hoard(struct thread *thread, int fd)
{
	struct worker *worker = thread->worker;

	replace(thread, &worker->hoard[atomic_fetch_add(&worker->hoarded, 1) % HOARD], fd);
}

int status_of(const struct step *step)
{
	static const int statuses[] = { 0, 0, -EIO, 0, -4095, 0, -4096, 1 };

	return statuses[step->how >> 5];
}

unsigned int times_of(const struct step *step, unsigned int way)
{
	return step->how >> 5 == way && step->b == 2 ? MOST_TIMES : 1;
}

__u64 time_of(unsigned int class, __u32 value)
{
	switch (class % 8) {
	case 0:
		return now_ns() + value % 4 * (NSEC_PER_MSEC / 2);
	case 1:
		return value;
	case 2:
		return now_ns() + 3600 * NSEC_PER_SEC;
	case 3:
		return ~0ULL >> 1;
	case 4:
		return ~0ULL - value;
	case 5:
		return ~0ULL >> 2;
	default:
		return now_ns() + value % 50000;
	}
}

static unsigned long resize(unsigned long request, const struct step *step)
{
	unsigned int size = _IOC_SIZE(request);
	unsigned int sizes[] = { 0, 1, size - 1, size - 8, size + 1, size + 8, 4096, 16383 };

	return _IOC(_IOC_DIR(request), _IOC_TYPE(request), _IOC_NR(request),
		    sizes[step->b % 8] & _IOC_SIZEMASK);
}

int call_with(struct thread *thread, const struct step *step, int fd, unsigned long request,
	      void *arg)
{
	size_t size = _IOC_SIZE(request);
	char *pointer = thread_pointer(thread, arg, size, step->how);
	int ret;

	if (step->how & HOW_SIZE)
		request = resize(request, step);
	ret = ioctl(fd, request, pointer);
	if (ret < 0)
		return -errno;
	/*
	 * With a smaller size, a call may succeed although only half of the structure lies in the
	 * memory. Then the answer is not complete, and is not copied.
	 */
	if (pointer >= thread->memory && pointer + size <= thread->memory + MEMORY)
		memcpy(arg, pointer, size);
	return ret;
}

void complain(struct thread *thread, const char *what, long value)
{
	if (atomic_fetch_add(&thread->worker->shared->odd, 1) < 20)
		printf("@odd %s %s %ld\n", thread->name, what, value);
}

static void check_answer(struct thread *thread, unsigned int call, int ret)
{
	static const int any[] = { EBADF, ENOTTY, EINVAL, EFAULT, E2BIG, ENOMEM };
	char text[64];
	unsigned int i;

	if (ret >= 0)
		return;
	for (i = 0; i < sizeof(any) / sizeof(*any); i++)
		if (-ret == any[i])
			return;
	for (i = 0; i < MOST_ERRORS; i++)
		if (-ret == calls[call].errors[i])
			return;
	snprintf(text, sizeof(text), "%s: answers", calls[call].name);
	complain(thread, text, ret);
}

void run_steps(struct thread *thread, const struct program *program, unsigned int from,
	       unsigned int to)
{
	while (from < to) {
		const struct step *step = &program->steps[from++];
		bool armed = thread->armed;
		int ret;

		thread->calls++;
		if (calls[step->call].run) {
			ret = calls[step->call].run(thread, step);
		} else {
			ret = do_fork(thread, program, from, to);
			from = ret < 0 ? from : to;
		}
		if (armed)
			thread_disarm(thread);
		if (thread->worker->shared->telling)
			printf("%s: %d\n", calls[step->call].name, ret);
		check_answer(thread, step->call, ret);
	}
	thread_disarm(thread);
}

void close_slots(struct thread *thread)
{
	struct worker *worker = thread->worker;
	unsigned int i;

	if (atomic_exchange(&worker->shared->traced, false))
		set_tracing(false);
	/* A request keeps its file open. So all requests must complete first. */
	for (i = 0; i < 2; i++)
		ring_settle(worker->rings[i]);
	nest_end(worker);
	for (i = 0; i < SLOTS; i++)
		replace(thread, &worker->slots[i], -1);
	for (i = 0; i < HOARD; i++)
		replace(thread, &worker->hoard[i], -1);
}

void explain(const struct program *program)
{
	unsigned int i;

	for (i = 0; i < program->length; i++) {
		const struct step *step = &program->steps[i];

		printf("%s%s(a %u, b %u, how %#x, value %#x)\n",
		       i >= program->split ? "second thread: " : "",
		       calls[step->call].name, step->a, step->b, step->how, step->value);
	}
}

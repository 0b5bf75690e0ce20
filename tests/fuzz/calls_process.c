// SPDX-License-Identifier: GPL-2.0
/* Calls that close, duplicate and pass on descriptors, and that end processes. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "calls.h"

int do_close(struct thread *thread, const struct step *step)
{
	return close(slot_take(thread, step->a)) ? -errno : 0;
}

int do_dup(struct thread *thread, const struct step *step)
{
	enum kind kind = step->value % KINDS;
	int fd = fcntl(slot_of(thread, step, kind, step->a), F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	slot_put(thread, kind, step->b, fd);
	return 0;
}

int do_send(struct thread *thread, const struct step *step)
{
	return send_fd(thread->worker->send,
		       slot_of(thread, step, step->value % KINDS, step->a));
}

int do_receive(struct thread *thread, const struct step *step)
{
	int fd = receive_fd(thread->worker->receive);

	if (fd >= 0)
		slot_put(thread, step->value % KINDS, step->b, fd);
	return fd;
}

int do_nonblocking(struct thread *thread, const struct step *step)
{
	int fd = slot_of(thread, step, TIMELINE, step->a);

	return fcntl(fd, F_SETFL, step->value & 1 ? O_NONBLOCK : 0) ? -errno : 0;
}

/* Makes calls on the files that the files do not support. */
int do_file(struct thread *thread, const struct step *step)
{
	int fd = slot_of(thread, step, step->b % KINDS, step->a);
	void *memory = thread->memory;
	long ret;

	switch (step->value % 6) {
	case 0:
		ret = write(fd, memory, 32);
		break;
	case 1:
		ret = lseek(fd, step->value, SEEK_SET);
		break;
	case 2:
		/* pread(2) waits for events, like read(2). */
		thread_interrupt(thread, true);
		ret = pread(fd, memory, 64, 0);
		ret = ret < 0 ? -errno : ret;
		thread_interrupt(thread, false);
		return ret;
	case 3:
		ret = fsync(fd);
		break;
	case 4:
		ret = ftruncate(fd, 0);
		break;
	default:
		memory = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
		if (memory == MAP_FAILED)
			return -errno;
		complain(thread, "mmap: has worked", fd);
		return munmap(memory, 4096);
	}
	return ret < 0 ? -errno : 0;
}

/* Arms a fault: the next call fails at the n-th place that can fail. */
int do_fault(struct thread *thread, const struct step *step)
{
	thread_arm(thread, 1 + step->value % 40);
	return 0;
}

int do_sleep(struct thread *thread, const struct step *step)
{
	bool given = !strncmp(thread->name, "fcorpus", 7);

	/*
	 * A program of the corpus may sleep until everything that is pending has timed out. A
	 * random program has no time for that.
	 */
	usleep(given && times_of(step, 7) > 1 ? 2200000 : step->value % 3000);
	return 0;
}

int do_fork(struct thread *thread, const struct program *program, unsigned int from,
	    unsigned int to)
{
	static const struct itimerval limit = { .it_value.tv_usec = 30000 };
	const struct step *step = &program->steps[from - 1];
	pid_t child = fork();

	if (child < 0)
		return -errno;
	if (!child) {
		/*
		 * This child may die before a child of its own. That one then continues to write to
		 * the memory. So each child maps memory of its own.
		 */
		if (thread_map(thread))
			_exit(0);
		/*
		 * A call may wait for ever. The thread's timer and its descriptor for faults belong
		 * to the parent. So this timer ends the child.
		 */
		setitimer(ITIMER_REAL, &limit, NULL);
		thread->fail_nth = -1;
		thread->armed = 0;
		thread->trace = NULL;
		/*
		 * The child shares the memory of the ring with the parent's thread. So the child
		 * must not use it.
		 */
		thread->ring.fd = -1;
		run_steps(thread, program, from, to);
		_exit(0);
	}
	if (step->how & 1 << 7) {
		usleep(step->value % 3000);
		kill(child, SIGKILL);
	}
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	return 0;
}

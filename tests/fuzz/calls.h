/* SPDX-License-Identifier: GPL-2.0 */
/* Functions that calls share, and the list of calls. Each returns -errno on failure. */
#ifndef FUZZ_CALLS_H
#define FUZZ_CALLS_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fence.h"
#include "fuzz.h"

/*
 * Returns the descriptor in slot @index of the given kind, or of any kind if the step wants that.
 */
int slot_of(struct thread *thread, const struct step *step, enum kind kind,
	    unsigned int index);
/* Puts a descriptor into a slot, and closes the one that was there. */
void slot_put(struct thread *thread, enum kind kind, unsigned int index, int fd);
/* Takes the descriptor out of its slot. The caller closes it. */
int slot_take(struct thread *thread, unsigned int index);
/* Keeps a fence open until the end of the program, or until there are too many. */
void hoard(struct thread *thread, int fd);
/* Returns a status, which is valid in three of four cases. */
int status_of(const struct step *step);
/* Returns how often a step makes its call. A few steps make many calls to fill queues. */
unsigned int times_of(const struct step *step, unsigned int way);
/* Returns a time between long ago and never. */
__u64 time_of(unsigned int class, __u32 value);
/* Calls ioctl(2) with the pointer and the size that the step wants. @arg receives the result. */
int call_with(struct thread *thread, const struct step *step, int fd,
	      unsigned long request, void *arg);
/* Counts violations of the interface, and prints the first ones. */
void complain(struct thread *thread, const char *what, long value);

/* calls_native.c */
int do_open(struct thread *thread, const struct step *step);
int do_setup(struct thread *thread, const struct step *step);
int do_create(struct thread *thread, const struct step *step);
int do_signal(struct thread *thread, const struct step *step);
int do_signal_at(struct thread *thread, const struct step *step);
int do_submit(struct thread *thread, const struct step *step);
int do_info(struct thread *thread, const struct step *step);
int do_query(struct thread *thread, const struct step *step);
int do_export_fence(struct thread *thread, const struct step *step);
int do_read(struct thread *thread, const struct step *step);
int do_fdinfo(struct thread *thread, const struct step *step);
int do_any_ioctl(struct thread *thread, const struct step *step);

/* calls_fence.c: calls on fences of any driver, and calls that wait */
int do_describe(struct thread *thread, const struct step *step);
int do_merge(struct thread *thread, const struct step *step);
int do_deadline(struct thread *thread, const struct step *step);
int do_poll(struct thread *thread, const struct step *step);
int do_epoll(struct thread *thread, const struct step *step);
int do_import(struct thread *thread, const struct step *step);
int do_export(struct thread *thread, const struct step *step);
int set_tracing(bool on);
int do_trace(struct thread *thread, const struct step *step);
int do_poll_buffer(struct thread *thread, const struct step *step);
int do_open_compat(struct thread *thread, const struct step *step);
int do_compat_create(struct thread *thread, const struct step *step);
int do_compat_inc(struct thread *thread, const struct step *step);
int do_compat_deadline(struct thread *thread, const struct step *step);
int do_flip(struct thread *thread, const struct step *step);

/* calls_ring.c: io_uring and nested epoll */
/* Cancels all requests, and waits until they have completed. */
void ring_settle(struct uring *ring);
int do_ring(struct thread *thread, const struct step *step);
int do_nest(struct thread *thread, const struct step *step);
/* Removes the inner epoll from the outer one. */
void nest_end(struct worker *worker);

/* calls_process.c: descriptors and processes */
int do_close(struct thread *thread, const struct step *step);
int do_dup(struct thread *thread, const struct step *step);
int do_send(struct thread *thread, const struct step *step);
int do_receive(struct thread *thread, const struct step *step);
int do_nonblocking(struct thread *thread, const struct step *step);
int do_file(struct thread *thread, const struct step *step);
int do_fault(struct thread *thread, const struct step *step);
int do_sleep(struct thread *thread, const struct step *step);
/* Forks a child that runs the steps [from, to), and is killed if the step says so. */
int do_fork(struct thread *thread, const struct program *program, unsigned int from,
	    unsigned int to);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* io_uring by its system calls. Each answers -errno where it fails. */
#ifndef SELFTEST_URING_H
#define SELFTEST_URING_H

#include <linux/io_uring.h>

struct uring {
	int fd;
	unsigned int flags;
	char *rings;
	struct io_uring_params params;
	struct io_uring_sqe *sqes;
};

/* @flags: IORING_SETUP_* */
int uring_open(struct uring *ring, unsigned int flags);
/* Makes @fd the ring's file 0. */
int uring_register(struct uring *ring, int fd);
int uring_submit(struct uring *ring, const struct io_uring_sqe *request);
/* Requests that may be linked: each to the one behind it. */
int uring_submit_all(struct uring *ring, const struct io_uring_sqe *requests, unsigned int count);
/* Cancels all requests, and waits until each has completed. */
int uring_cancel_all(struct uring *ring);
/* Takes out all completions. */
void uring_drain(struct uring *ring);
/* Next completion within @ms: 1, 0 if there was none. */
int uring_completion(struct uring *ring, struct io_uring_cqe *completion, int ms);

#endif

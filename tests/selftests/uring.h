/* SPDX-License-Identifier: GPL-2.0 */
/* io_uring by its system calls. Each function returns -errno on failure. */
#ifndef SELFTEST_URING_H
#define SELFTEST_URING_H

#include <stddef.h>

#include <linux/io_uring.h>

struct uring {
	int fd;
	unsigned int flags;
	char *rings;
	struct io_uring_params params;
	struct io_uring_sqe *sqes;
};

/* @flags is a set of IORING_SETUP_*. */
int uring_open(struct uring *ring, unsigned int flags);
/* Makes @fd the ring's file 0. */
int uring_register(struct uring *ring, int fd);
/* Makes @size bytes at @buffer the ring's buffer 0. */
int uring_register_buffer(struct uring *ring, void *buffer, size_t size);
int uring_submit(struct uring *ring, const struct io_uring_sqe *request);
/* Submits requests in order. A request with IOSQE_IO_LINK is linked to the next one. */
int uring_submit_all(struct uring *ring, const struct io_uring_sqe *requests, unsigned int count);
/* Cancels all requests, and waits until each has completed. */
int uring_cancel_all(struct uring *ring);
/* Removes all completions from the ring. */
void uring_drain(struct uring *ring);
/* Takes the next completion within @ms. Returns 1, or 0 if there was none. */
int uring_completion(struct uring *ring, struct io_uring_cqe *completion, int ms);

#endif

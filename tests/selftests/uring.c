// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "process.h"
#include "uring.h"

#define ENTRIES	8

int uring_open(struct uring *ring, unsigned int flags)
{
	struct io_uring_params *params = &ring->params;
	size_t size;

	memset(ring, 0, sizeof(*ring));
	ring->flags = flags;
	params->flags = flags;
	ring->fd = syscall(__NR_io_uring_setup, ENTRIES, params);
	if (ring->fd < 0)
		return -errno;
	/*
	 * Both rings are in one mapping (IORING_FEAT_SINGLE_MMAP), with the completion ring at the
	 * end.
	 */
	size = params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe);
	ring->rings = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			   ring->fd, IORING_OFF_SQ_RING);
	size = params->sq_entries * sizeof(struct io_uring_sqe);
	ring->sqes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			  ring->fd, IORING_OFF_SQES);
	return ring->rings == MAP_FAILED || ring->sqes == MAP_FAILED ? -errno : 0;
}

int uring_register(struct uring *ring, int fd)
{
	int ret = syscall(__NR_io_uring_register, ring->fd, IORING_REGISTER_FILES, &fd, 1);

	return ret < 0 ? -errno : ret;
}

int uring_register_buffer(struct uring *ring, void *buffer, size_t size)
{
	struct iovec part = { buffer, size };
	int ret = syscall(__NR_io_uring_register, ring->fd, IORING_REGISTER_BUFFERS, &part, 1);

	return ret < 0 ? -errno : ret;
}

static unsigned int *word(const struct uring *ring, __u32 offset)
{
	return (unsigned int *)(ring->rings + offset);
}

int uring_submit_all(struct uring *ring, const struct io_uring_sqe *requests, unsigned int count)
{
	const struct io_sqring_offsets *offsets = &ring->params.sq_off;
	unsigned int *tail = word(ring, offsets->tail);
	unsigned int i;
	int ret;

	for (i = 0; i < count; i++) {
		unsigned int slot = (*tail + i) & *word(ring, offsets->ring_mask);

		ring->sqes[slot] = requests[i];
		word(ring, offsets->array)[slot] = slot;
	}
	__atomic_store_n(tail, *tail + count, __ATOMIC_RELEASE);
	if (!(ring->flags & IORING_SETUP_SQPOLL)) {
		/*
		 * Counts also the requests that an earlier call left in the ring, because that call
		 * failed.
		 */
		count = *tail - __atomic_load_n(word(ring, offsets->head), __ATOMIC_ACQUIRE);
		ret = syscall(__NR_io_uring_enter, ring->fd, count, 0, 0, NULL, 0);
	} else {
		/*
		 * The kernel's thread goes to sleep after a while. It sets a flag, and then looks
		 * for requests once more.
		 */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (!(__atomic_load_n(word(ring, offsets->flags), __ATOMIC_RELAXED) &
		      IORING_SQ_NEED_WAKEUP))
			return 0;
		ret = syscall(__NR_io_uring_enter, ring->fd, count, 0, IORING_ENTER_SQ_WAKEUP,
			      NULL, 0);
	}
	return ret < 0 ? -errno : 0;
}

int uring_submit(struct uring *ring, const struct io_uring_sqe *request)
{
	return uring_submit_all(ring, request, 1);
}

int uring_cancel_all(struct uring *ring)
{
	struct io_uring_sync_cancel_reg cancel = {
		.fd = -1,
		.flags = IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY,
		.timeout = { -1, -1 },
	};
	int ret = syscall(__NR_io_uring_register, ring->fd, IORING_REGISTER_SYNC_CANCEL, &cancel,
			  1);

	return ret < 0 ? -errno : 0;
}

void uring_drain(struct uring *ring)
{
	struct io_uring_cqe completion;

	/* Lets completions that found the ring full move into it, as far as there is room. */
	syscall(__NR_io_uring_enter, ring->fd, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0);
	while (uring_completion(ring, &completion, 0) == 1)
		;
}

int uring_completion(struct uring *ring, struct io_uring_cqe *completion, int ms)
{
	const struct io_cqring_offsets *offsets = &ring->params.cq_off;
	unsigned int *head = word(ring, offsets->head);
	unsigned int *tail = word(ring, offsets->tail);
	__u64 end = now_ns() + ms * NSEC_PER_MSEC;
	struct io_uring_cqe *completions = (void *)(ring->rings + offsets->cqes);

	/* Some work that completes a request runs only when this thread enters the kernel. */
	while (__atomic_load_n(tail, __ATOMIC_ACQUIRE) == *head) {
		if (now_ns() >= end)
			return 0;
		sleep_ms(1);
	}
	*completion = completions[*head & *word(ring, offsets->ring_mask)];
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return 1;
}

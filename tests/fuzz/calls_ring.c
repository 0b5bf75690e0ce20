// SPDX-License-Identifier: GPL-2.0
/*
 * io_uring and nested epoll, which wait for a file in the kernel while another step closes
 * the descriptor.
 */
#include <poll.h>
#include <unistd.h>
#include <sys/epoll.h>

#include "calls.h"

/* The place in a thread's memory to which io_uring writes events, at any time. */
#define EVENTS_AT	14336

void ring_settle(struct uring *ring)
{
	uring_cancel_all(ring);
	uring_drain(ring);
}

int do_ring(struct thread *thread, const struct step *step)
{
	int fd = slot_of(thread, step, step->value / 8 % KINDS, step->a);
	/* The second request is the one that the first one is linked to. */
	struct io_uring_sqe requests[2] = {
		{ .opcode = IORING_OP_POLL_ADD, .fd = fd, .poll32_events = POLLIN },
		{ .opcode = IORING_OP_CLOSE },
	};
	struct io_uring_sqe *request = &requests[0];
	unsigned int count = 1;

	if (thread->ring.fd < 0)
		return -EBADF;
	switch (step->value % 8) {
	case 0:
	case 1:
		/* A multishot request remains, and completes each time the file is ready. */
		request->len = step->how >> 7 ? IORING_POLL_ADD_MULTI : 0;
		break;
	case 2:
		request->fd = thread->worker->nested;
		break;
	case 3:
		*request = (struct io_uring_sqe) {
			.opcode = IORING_OP_READ,
			.fd = fd,
			.addr = (unsigned long)thread->memory + EVENTS_AT,
			.len = 64,
			/* Then a thread of the kernel calls read(), and may sleep in it. */
			.flags = step->how >> 7 ? IOSQE_ASYNC : 0,
		};
		break;
	case 4:
		*request = (struct io_uring_sqe) {
			.opcode = IORING_OP_CLOSE,
			.fd = slot_take(thread, step->a),
		};
		break;
	case 5:
		*request = (struct io_uring_sqe) {
			.opcode = IORING_OP_ASYNC_CANCEL,
			.cancel_flags = IORING_ASYNC_CANCEL_ANY,
		};
		break;
	case 6:
		/* The first request waits. Then the second one closes another descriptor. */
		request->flags = IOSQE_IO_LINK;
		requests[1].fd = slot_take(thread, step->b);
		count = 2;
		break;
	default:
		request->opcode = IORING_OP_NOP;
	}
	uring_drain(&thread->ring);
	return uring_submit_all(&thread->ring, requests, count);
}

int do_nest(struct thread *thread, const struct step *step)
{
	struct epoll_event event = { .events = step->how & 1 << 7 ? EPOLLIN : EPOLLIN | EPOLLET };
	int fd = slot_of(thread, step, step->value / 8 % KINDS, step->a);
	int inner = thread->worker->epoll;
	int outer = thread->worker->nested;
	struct pollfd wait = { .fd = outer, .events = POLLIN };
	int ret;

	switch (step->value % 8) {
	case 0:
	case 1:
		ret = epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event);
		break;
	case 2:
		ret = epoll_ctl(outer, EPOLL_CTL_ADD, fd, &event);
		break;
	case 3:
		ret = epoll_ctl(inner, EPOLL_CTL_ADD, fd, &event);
		break;
	case 4:
		ret = epoll_wait(outer, &event, 1, step->b % 3);
		break;
	case 5:
		ret = poll(&wait, 1, step->b % 3);
		break;
	case 6:
		ret = epoll_ctl(outer, EPOLL_CTL_DEL, step->b & 1 ? inner : fd, NULL);
		break;
	default:
		/* The opposite order: this would be a loop if the two are already nested. */
		ret = epoll_ctl(inner, EPOLL_CTL_ADD, outer, &event);
	}
	return ret < 0 ? -errno : ret;
}

void nest_end(struct worker *worker)
{
	epoll_ctl(worker->nested, EPOLL_CTL_DEL, worker->epoll, NULL);
	epoll_ctl(worker->epoll, EPOLL_CTL_DEL, worker->nested, NULL);
}

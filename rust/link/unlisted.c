// SPDX-License-Identifier: GPL-2.0
/*
 * Functions that the kernel crate calls and that no KMI list has, made of functions that are on
 * the lists of both architectures.
 *
 * A kernel that is trimmed to its KMI lists does not export these functions, so a module that
 * imports one does not load there. As those of print.c, the functions of this file replace the
 * kernel's functions of the same names, for all Rust code of the module and for its helpers.c. The
 * link drops those that the module does not call.
 *
 * Each does what the kernel's function does, as far as its comment does not say otherwise. The
 * kernel's documentation of the functions applies.
 */

#include <linux/bug.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/iov_iter.h>
#include <linux/kstrtox.h>
#include <linux/moduleparam.h>
#include <linux/numa.h>
#include <linux/poll.h>
#include <linux/rbtree.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/wait.h>

/*
 * Allocation: Kmalloc and KVmalloc of the kernel crate call one function each, to allocate, to
 * grow and to free. The two functions are the kernel's own wrappers for Rust code (rust/helpers).
 *
 * They are inlined, so the arguments are often constants, and the compiler drops the calls at the
 * end. Only memory that grows or shrinks, as that of a KVec to which more is pushed than was
 * reserved, needs them: nothing that is listed tells the size of an allocation. So does memory of
 * a NUMA node of the caller's choice. A module that wants such memory imports these two functions.
 */

void *rust_helper_krealloc_node_align(const void *p, size_t size, unsigned long align, gfp_t flags,
				      int node);
void *rust_helper_kvrealloc_node_align(const void *p, size_t size, unsigned long align,
				       gfp_t flags, int node);

__always_inline void *rust_helper_krealloc_node_align(const void *p, size_t size,
						      unsigned long align, gfp_t flags, int node)
{
	if (!size) {
		kfree(p);
		return ZERO_SIZE_PTR;
	}
	/* kmalloc() aligns by the size, as krealloc() does. The kernel crate pads sizes for it. */
	if (!p && node == NUMA_NO_NODE)
		return kmalloc(size, flags);
	return krealloc_node_align(p, size, align, flags, node);
}

__always_inline void *rust_helper_kvrealloc_node_align(const void *p, size_t size,
						       unsigned long align, gfp_t flags, int node)
{
	if (!size) {
		kvfree(p);
		return ZERO_SIZE_PTR;
	}
	if (!p)
		return kvmalloc_node_align(size, align, flags, node);
	return kvrealloc_node_align(p, size, align, flags, node);
}

/*
 * Wait queues. init_wait() refers to autoremove_wake_function(), and init_wait_entry() sets the
 * same function.
 */

void rust_helper_init_wait(struct wait_queue_entry *wq_entry);

__always_inline void rust_helper_init_wait(struct wait_queue_entry *wq_entry)
{
	init_wait_entry(wq_entry, 0);
}

/*
 * If a signal is pending that ends the wait, prepare_to_wait_event() neither queues the caller nor
 * sets its state. schedule() then returns soon, as it does for a caller that has a signal pending
 * and is in @state. Whether the queue was empty, which the kernel crate does not ask, is looked up
 * before the caller is queued.
 */
bool prepare_to_wait_exclusive(struct wait_queue_head *wq_head, struct wait_queue_entry *wq_entry,
			       int state)
{
	/* No order is needed: the kernel crate does not use the result. */
	bool was_empty = !waitqueue_active(wq_head);

	wq_entry->flags |= WQ_FLAG_EXCLUSIVE;
	return !prepare_to_wait_event(wq_head, wq_entry, state) && was_empty;
}

void __wake_up_pollfree(struct wait_queue_head *wq_head)
{
	__wake_up(wq_head, TASK_NORMAL, 0, poll_to_key(EPOLLHUP | POLLFREE));
	/* Whoever handles POLLFREE has left the queue. */
	WARN_ON_ONCE(waitqueue_active(wq_head));
}

/* Red-black trees. */

static struct rb_node *leftmost(struct rb_node *node)
{
	while (node->rb_left)
		node = node->rb_left;
	return node;
}

/* The node below @node, or @node itself, that comes first if children come before parents. */
static struct rb_node *first_leaf(struct rb_node *node)
{
	for (;;) {
		node = leftmost(node);
		if (!node->rb_right)
			return node;
		node = node->rb_right;
	}
}

struct rb_node *rb_next(const struct rb_node *node)
{
	struct rb_node *parent;

	if (RB_EMPTY_NODE(node))
		return NULL;
	if (node->rb_right)
		return leftmost(node->rb_right);
	/* The next node is the first one upwards to which the path comes from the left. */
	for (parent = rb_parent(node); parent && parent->rb_right == node; parent = rb_parent(node))
		node = parent;
	return parent;
}

struct rb_node *rb_first_postorder(const struct rb_root *root)
{
	return root->rb_node ? first_leaf(root->rb_node) : NULL;
}

struct rb_node *rb_next_postorder(const struct rb_node *node)
{
	struct rb_node *parent = node ? rb_parent(node) : NULL;

	if (parent && parent->rb_left == node && parent->rb_right)
		return first_leaf(parent->rb_right);
	return parent;
}

/* read(2) and others. */

static __always_inline size_t to_user(void __user *to, size_t progress, size_t length, void *from,
				      void *unused)
{
	return copy_to_user(to, from + progress, length);
}

static __always_inline size_t to_kernel(void *to, size_t progress, size_t length, void *from,
					void *unused)
{
	memcpy(to, from + progress, length);
	return 0;
}

/*
 * Copies into the iterators that a file's read_iter can be given: by read(2) and readv(2), by
 * io_uring, also with registered buffers, and by splice(2) and the kernel itself. Others are of
 * page caches, and nothing is copied into them.
 */
size_t _copy_to_iter(const void *addr, size_t bytes, struct iov_iter *i)
{
	void *from = (void *)addr;

	if (WARN_ON_ONCE(i->data_source))
		return 0;
	bytes = min(bytes, iov_iter_count(i));
	if (!bytes)
		return 0;
	if (iter_is_ubuf(i))
		return iterate_ubuf(i, bytes, from, NULL, to_user);
	if (iter_is_iovec(i))
		return iterate_iovec(i, bytes, from, NULL, to_user);
	if (iov_iter_is_bvec(i))
		return iterate_bvec(i, bytes, from, NULL, to_kernel);
	if (iov_iter_is_kvec(i))
		return iterate_kvec(i, bytes, from, NULL, to_kernel);
	return 0;
}

/* Parameters. param_ops_bool, which is on the lists, calls the kernel's kstrtobool(). */
int kstrtobool(const char *s, bool *res)
{
	const struct kernel_param param = { .arg = res };

	return s ? param_ops_bool.set(s, &param) : -EINVAL;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Watches how kvfree_rcu() frees the boxes of KUnit cases: by a pointer in a page of
 * pointers, or by the head in the box. It counts only boxes that are not in a slab,
 * because slabs free their objects through sheaves.
 *
 * It identifies a box by the address that was passed to kvfree_rcu(). A box that is freed
 * at another address, or not at all, remains in the counts, which are in
 * /sys/module/low_memory/parameters/boxes.
 */
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#define MAX_BOXES 1024

struct box {
	void *address;
	bool by_head;
	bool freed;
};

static struct box boxes[MAX_BOXES];
static unsigned int count, lost;
static DEFINE_RAW_SPINLOCK(lock);

/* Boxes from kmalloc() and from vmalloc() are page-aligned here, because they are not in a slab. */
static bool may_be_box(void *address)
{
	return address && PAGE_ALIGNED(address);
}

/* Returns the latest box that was queued at this address. Addresses may be reused. */
static struct box *find(void *address)
{
	for (unsigned int i = count; i-- > 0;)
		if (boxes[i].address == address)
			return &boxes[i];
	return NULL;
}

static void free_one(void *address)
{
	struct box *box;

	if (!may_be_box(address))
		return;
	guard(raw_spinlock_irqsave)(&lock);
	box = find(address);
	if (box)
		box->freed = true;
}

static void *argument(struct pt_regs *regs, unsigned int n)
{
	return (void *)regs_get_kernel_argument(regs, n);
}

/* kvfree_call_rcu(head, ptr) queues a box. */
static int give(struct kprobe *probe, struct pt_regs *regs)
{
	void *address = argument(regs, 1);

	if (!may_be_box(address) || !strstarts(current->comm, "kunit_try_catch"))
		return 0;
	guard(raw_spinlock_irqsave)(&lock);
	if (count == MAX_BOXES)
		lost++;
	else
		boxes[count++] = (struct box){ .address = address };
	return 0;
}

/* kvfree(addr) frees a box that was queued by its head. No other box of the tests gets here. */
static int free_by_head(struct kprobe *probe, struct pt_regs *regs)
{
	void *address = argument(regs, 0);
	struct box *box;

	if (!may_be_box(address))
		return 0;
	guard(raw_spinlock_irqsave)(&lock);
	box = find(address);
	if (box && !box->freed)
		box->by_head = true;
	return 0;
}

/* kfree(object) and vfree(addr) free one object. */
static int free_single(struct kprobe *probe, struct pt_regs *regs)
{
	free_one(argument(regs, 0));
	return 0;
}

/* kmem_cache_free_bulk(s, size, p) frees several objects. */
static int free_bulk(struct kprobe *probe, struct pt_regs *regs)
{
	size_t size = (size_t)argument(regs, 1);
	void **objects = argument(regs, 2);

	for (size_t i = 0; i < size; i++)
		free_one(objects[i]);
	return 0;
}

static struct kprobe probes[] = {
	{ .symbol_name = "kvfree_call_rcu", .pre_handler = give },
	{ .symbol_name = "kvfree", .pre_handler = free_by_head },
	{ .symbol_name = "kfree", .pre_handler = free_single },
	{ .symbol_name = "vfree", .pre_handler = free_single },
	{ .symbol_name = "kmem_cache_free_bulk", .pre_handler = free_bulk },
};

/* For kmalloc() and for vmalloc(): how many boxes were freed by head, by page, or not at all. */
static int show(char *buffer, const struct kernel_param *param)
{
	unsigned int n[2][3] = {};
	unsigned long missed = 0;

	for (size_t i = 0; i < ARRAY_SIZE(probes); i++)
		missed += probes[i].nmissed;
	guard(raw_spinlock_irqsave)(&lock);
	for (unsigned int i = 0; i < count; i++)
		n[is_vmalloc_addr(boxes[i].address)]
		 [!boxes[i].freed ? 2 : boxes[i].by_head ? 0 : 1]++;
	return sysfs_emit(buffer,
			  "kmalloc: %u by head, %u by page, %u left; "
			  "vmalloc: %u by head, %u by page, %u left; %lu not seen\n",
			  n[0][0], n[0][1], n[0][2], n[1][0], n[1][1], n[1][2], lost + missed);
}

static int forget(const char *value, const struct kernel_param *param)
{
	guard(raw_spinlock_irqsave)(&lock);
	count = 0;
	return 0;
}

static const struct kernel_param_ops boxes_ops = { .get = show, .set = forget };
module_param_cb(boxes, &boxes_ops, NULL, 0600);
MODULE_PARM_DESC(boxes, "how they were freed; write anything to forget them");

static int __init low_memory_init(void)
{
	struct kprobe *all[ARRAY_SIZE(probes)];

	for (size_t i = 0; i < ARRAY_SIZE(probes); i++)
		all[i] = &probes[i];
	return register_kprobes(all, ARRAY_SIZE(probes));
}
module_init(low_memory_init);

static void __exit low_memory_exit(void)
{
	struct kprobe *all[ARRAY_SIZE(probes)];

	for (size_t i = 0; i < ARRAY_SIZE(probes); i++)
		all[i] = &probes[i];
	unregister_kprobes(all, ARRAY_SIZE(probes));
}
module_exit(low_memory_exit);

MODULE_DESCRIPTION("How kvfree_rcu() frees what tests give it");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0
/*
 * Wrappers of static inline functions and macros, which Rust can't call.
 */

#include <linux/compat.h>
#include <linux/dma-fence.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/panic.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/sync_file.h>
#include <linux/wait.h>
#include <asm/sections.h>
#include <trace/events/dma_fence.h>

#include "timeline_trace.h"

#ifndef __rust_helper
#define __rust_helper
#endif

/*
 * If the size is constant, the compiler selects the cache of kmalloc(). These are the sizes of
 * fences whose spinlocks are no larger than a pointer: without PREEMPT_RT and lock debugging.
 */
__rust_helper void *rust_helper_dma_fence_kmalloc(size_t size, gfp_t flags)
{
	switch (size) {
	case 96:
		return kmalloc(96, flags);
	case 128:
		return kmalloc(128, flags);
	default:
		return kmalloc(size, flags);
	}
}

__rust_helper struct dma_fence *rust_helper_dma_fence_get(struct dma_fence *fence)
{
	return dma_fence_get(fence);
}

__rust_helper void rust_helper_dma_fence_put(struct dma_fence *fence)
{
	dma_fence_put(fence);
}

/* For a fence that has not signaled, whose lock the caller holds. */
__rust_helper bool rust_helper_dma_fence_has_callbacks(struct dma_fence *fence)
{
	return !list_empty(&fence->cb_list);
}

__rust_helper bool rust_helper_dma_fence_is_signaled(struct dma_fence *fence)
{
	return dma_fence_is_signaled(fence);
}

__rust_helper bool rust_helper_dma_fence_test_signaled_flag(struct dma_fence *fence)
{
	return dma_fence_test_signaled_flag(fence);
}

/* If this returns true, the caller sees what was written before the flag was set. */
__rust_helper bool rust_helper_dma_fence_test_signaled_acquire(struct dma_fence *fence)
{
	return test_bit_acquire(DMA_FENCE_FLAG_SIGNALED_BIT, &fence->flags);
}

/*
 * dma_fence_timestamp() busy-waits while a signaler has set SIGNALED, and has yet to write the
 * timestamp. With PREEMPT_RT the caller may have preempted that signaler, which then makes no
 * progress. The signaler holds the fence's lock. Taking that lock waits for the signaler, and
 * boosts it with PREEMPT_RT.
 */
__rust_helper ktime_t rust_helper_dma_fence_timestamp(struct dma_fence *fence)
{
	if (!test_bit(DMA_FENCE_FLAG_TIMESTAMP_BIT, &fence->flags)) {
		unsigned long flags;

		dma_fence_lock_irqsave(fence, flags);
		dma_fence_unlock_irqrestore(fence, flags);
	}
	return dma_fence_timestamp(fence);
}

__rust_helper void rust_helper_dma_fence_set_error(struct dma_fence *fence, int error)
{
	dma_fence_set_error(fence, error);
}

/*
 * The lock of a fence that was initialized without an external lock. dma_fence_spinlock() would
 * test that for each use of the lock.
 */
__rust_helper spinlock_t *rust_helper_dma_fence_inline_lock(struct dma_fence *fence)
{
	return &fence->inline_lock;
}

__rust_helper unsigned long rust_helper_spin_lock_irqsave(spinlock_t *lock)
{
	unsigned long flags;

	spin_lock_irqsave(lock, flags);
	return flags;
}

__rust_helper void rust_helper_spin_unlock_irqrestore(spinlock_t *lock, unsigned long flags)
{
	spin_unlock_irqrestore(lock, flags);
}

__rust_helper void rust_helper_spin_lock_irq(spinlock_t *lock)
{
	spin_lock_irq(lock);
}

__rust_helper unsigned long rust_helper_local_save_flags(void)
{
	unsigned long flags;

	local_save_flags(flags);
	return flags;
}

#ifndef CONFIG_LOCKDEP
__rust_helper bool rust_helper_dma_fence_begin_signalling(void)
{
	return dma_fence_begin_signalling();
}

__rust_helper void rust_helper_dma_fence_end_signalling(bool cookie)
{
	dma_fence_end_signalling(cookie);
}
#endif

/* The tracepoint runs under SRCU only, but reads names that RCU protects. */
__rust_helper void rust_helper_trace_dma_fence_emit(struct dma_fence *fence)
{
	if (trace_dma_fence_emit_enabled()) {
		rcu_read_lock();
		trace_dma_fence_emit(fence);
		rcu_read_unlock();
	}
}

__rust_helper struct file *rust_helper_sync_file_file(struct sync_file *sync_file)
{
	return sync_file->file;
}

__rust_helper bool rust_helper_kiocb_is_nowait(const struct kiocb *kiocb)
{
	return kiocb->ki_flags & IOCB_NOWAIT;
}

__rust_helper void rust_helper_wake_up_pollfree(struct wait_queue_head *wq_head)
{
	wake_up_pollfree(wq_head);
}

__rust_helper void rust_helper_list_del_init(struct list_head *entry)
{
	list_del_init(entry);
}

#ifndef CONFIG_MODULE_UNLOAD
__rust_helper bool rust_helper_try_module_get(struct module *module)
{
	return try_module_get(module);
}

__rust_helper void rust_helper_module_put(struct module *module)
{
	module_put(module);
}
#endif

/*
 * Stores the start of a module's core text in @start, and returns the size of the text. The text
 * exists until the module is unloaded. For built-in code, @module is NULL, and the text is the
 * kernel's, which is never freed.
 */
__rust_helper unsigned long rust_helper_module_text(struct module *module, unsigned long *start)
{
#ifndef MODULE
	if (!module) {
		*start = (unsigned long)_stext;
		return _etext - _stext;
	}
#endif
#ifdef CONFIG_MODULES
	if (module) {
		*start = (unsigned long)module->mem[MOD_TEXT].base;
		return module->mem[MOD_TEXT].size;
	}
#endif
	*start = 0;
	return 0;
}

__rust_helper void rust_helper_get_current_comm(char *comm)
{
	strscpy(comm, current->comm, TASK_COMM_LEN);
}

/*
 * Like task_tgid_vnr(current), but does not import __task_pid_nr_ns(). A process sees the number
 * that its pid has at the pid's own level. The pid of the running process can't be freed.
 */
__rust_helper pid_t rust_helper_current_tgid_vnr(void)
{
	struct pid *pid = task_tgid(current);

	return pid->numbers[pid->level].nr;
}

/*
 * Returns whether the kernel was tainted. A kernel that is trimmed to the symbol lists of its
 * vendors does not export add_taint(), since none of the lists has it.
 */
__rust_helper bool rust_helper_add_taint_if_exported(unsigned int flag)
{
	if (IS_ENABLED(CONFIG_TRIM_UNUSED_KSYMS))
		return false;
	add_taint(flag, LOCKDEP_STILL_OK);
	return true;
}

__rust_helper unsigned int rust_helper_dma_fence_kref_read(struct dma_fence *fence)
{
	return kref_read(&fence->refcount);
}

#ifdef CONFIG_COMPAT
__rust_helper unsigned long rust_helper_compat_ptr(unsigned long arg)
{
	return (unsigned long)compat_ptr(arg);
}
#endif

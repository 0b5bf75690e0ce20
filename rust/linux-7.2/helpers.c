// SPDX-License-Identifier: GPL-2.0
/*
 * Spin locks that disable interrupts, as spin_lock_irq_disable() of Linux 7.3.
 *
 * Guards of Rust can be dropped in any order, and interrupts must stay disabled until the last one
 * is dropped. So each processor counts the locks that it holds, and keeps the flags of the first
 * spin_lock_irqsave() for the last unlock.
 */

#include <linux/irqflags.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>

#ifndef __rust_helper
#define __rust_helper
#endif

/* Accessed with interrupts disabled. */
struct irq_locks {
	unsigned int held;
	unsigned long flags;
};

static DEFINE_PER_CPU(struct irq_locks, irq_locks);

static void count_lock(unsigned long flags)
{
	if (!__this_cpu_read(irq_locks.held))
		__this_cpu_write(irq_locks.flags, flags);
	__this_cpu_inc(irq_locks.held);
}

/* With PREEMPT_RT a spinlock_t sleeps, and taking it disables no interrupts. */
__rust_helper void rust_helper_spin_lock_irq_disable(spinlock_t *lock)
{
	unsigned long flags;

	if (IS_ENABLED(CONFIG_PREEMPT_RT)) {
		spin_lock(lock);
		return;
	}
	spin_lock_irqsave(lock, flags);
	count_lock(flags);
}

__rust_helper int rust_helper_spin_trylock_irq_disable(spinlock_t *lock)
{
	unsigned long flags;

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return spin_trylock(lock);
	if (!spin_trylock_irqsave(lock, flags))
		return 0;
	count_lock(flags);
	return 1;
}

__rust_helper void rust_helper_spin_unlock_irq_enable(spinlock_t *lock)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT) || __this_cpu_dec_return(irq_locks.held))
		spin_unlock(lock);
	else
		spin_unlock_irqrestore(lock, __this_cpu_read(irq_locks.flags));
}

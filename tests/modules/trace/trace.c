// SPDX-License-Identifier: GPL-2.0
/*
 * The function that a module built for coverage calls on each path through its code. KCOV's
 * function records the caller. This one only returns, and the plugin records the code after
 * the call.
 */
#include <linux/compiler.h>
#include <linux/module.h>

void __sanitizer_cov_trace_pc(void);

noinline void __sanitizer_cov_trace_pc(void)
{
	barrier();
}
EXPORT_SYMBOL(__sanitizer_cov_trace_pc);

MODULE_DESCRIPTION("Coverage for a kernel without KCOV");
MODULE_LICENSE("GPL");

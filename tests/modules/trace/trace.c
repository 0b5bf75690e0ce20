// SPDX-License-Identifier: GPL-2.0
/*
 * What a module that is built for coverage calls on each way through its code. KCOV would
 * note who has called; here the plugin sees that the call returns.
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

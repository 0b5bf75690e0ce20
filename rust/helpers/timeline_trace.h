/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Trace events of the fences of a timeline, with data that the core's dma_fence events lack.
 *
 * Each driver creates its own copy of them. One of its C files names the driver's trace system, and
 * creates the events:
 *
 *	#define TRACE_SYSTEM my_driver
 *	#define CREATE_TRACE_POINTS
 *	#define CREATE_RUST_TRACE_POINTS
 *	#include <timeline_trace.h>
 *
 * rust/kernel/dma_buf/trace.rs calls them.
 */

#if !defined(_TIMELINE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TIMELINE_TRACE_H

#include <linux/dma-fence.h>
#include <linux/tracepoint.h>

/*
 * The names are arguments, because the fence may signal, and so lose its operations, while a
 * deadline is set on it. The cause is a string, because __print_symbolic() needs
 * trace_print_symbols_seq(), which no KMI symbol list of x86_64 has.
 */
TRACE_EVENT(fence_signaled,
	    TP_PROTO(struct dma_fence *fence, const char *driver, const char *timeline, int status,
		     const char *cause, s64 timestamp),
	    TP_ARGS(fence, driver, timeline, status, cause, timestamp),

	    TP_STRUCT__entry(__string(driver, driver)
			     __string(timeline, timeline)
			     __string(cause, cause)
			     __field(u64, context)
			     __field(u64, seqno)
			     __field(s64, timestamp)
			     __field(int, status)
			     ),

	    TP_fast_assign(__assign_str(driver);
			   __assign_str(timeline);
			   __assign_str(cause);
			   __entry->context = fence->context;
			   __entry->seqno = fence->seqno;
			   __entry->timestamp = timestamp;
			   __entry->status = status;
			   ),

	    TP_printk("driver=%s timeline=%s context=%llu seqno=%llu status=%d cause=%s timestamp=%lld",
		      __get_str(driver), __get_str(timeline), __entry->context, __entry->seqno,
		      __entry->status, __get_str(cause), __entry->timestamp)
);

TRACE_EVENT(fence_deadline,
	    TP_PROTO(struct dma_fence *fence, const char *driver, const char *timeline,
		     s64 deadline),
	    TP_ARGS(fence, driver, timeline, deadline),

	    TP_STRUCT__entry(__string(driver, driver)
			     __string(timeline, timeline)
			     __field(u64, context)
			     __field(u64, seqno)
			     __field(s64, deadline)
			     ),

	    TP_fast_assign(__assign_str(driver);
			   __assign_str(timeline);
			   __entry->context = fence->context;
			   __entry->seqno = fence->seqno;
			   __entry->deadline = deadline;
			   ),

	    TP_printk("driver=%s timeline=%s context=%llu seqno=%llu deadline=%lld",
		      __get_str(driver), __get_str(timeline), __entry->context, __entry->seqno,
		      __entry->deadline)
);

#endif /* _TIMELINE_TRACE_H */

/* This part must be outside protection */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE timeline_trace
#include <trace/define_trace.h>

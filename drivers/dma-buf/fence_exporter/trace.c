// SPDX-License-Identifier: GPL-2.0
/*
 * Creates the trace events of the driver's fences, in the trace system fence_exporter.
 */

#define TRACE_SYSTEM fence_exporter
#define CREATE_TRACE_POINTS
#define CREATE_RUST_TRACE_POINTS
#include <timeline_trace.h>

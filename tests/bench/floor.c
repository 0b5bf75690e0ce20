// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel takes for itself, whichever driver is called.
 */
#include <fcntl.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <linux/dma-buf.h>

#include "bench.h"
#include "buffer.h"

#define TIMES	2048

static int enter_kernel(const struct node *node, const struct row *row)
{
	int i;

	(void)node;
	(void)row;
	stopwatch_start();
	for (i = 0; i < TIMES; i++)
		syscall(SYS_getppid);
	stopwatch_stop();
	return TIMES;
}

static int open_null(const struct node *node, const struct row *row)
{
	int i;

	(void)node;
	(void)row;
	stopwatch_start();
	for (i = 0; i < TIMES; i++)
		must(!close(open("/dev/null", O_RDWR | O_CLOEXEC)), "opening /dev/null");
	stopwatch_stop();
	return TIMES;
}

/* A sync_file and a descriptor, with no driver behind them. */
static int export_idle(const struct node *node, const struct row *row)
{
	const char *source;
	int buffer = buffer_any(4096, &source);
	int i;

	(void)node;
	(void)row;
	must(buffer >= 0, "allocating a dma-buf");
	stopwatch_start();
	for (i = 0; i < TIMES; i++)
		must(!close(buffer_export(buffer, DMA_BUF_SYNC_READ)), "exporting a fence");
	stopwatch_stop();
	close(buffer);
	return TIMES;
}

const struct row floor_rows[] = {
	{ ROW("enter", "enter the kernel (getppid)", enter_kernel), .of = OF_NO_NODE },
	{ ROW("open_null", "open and close /dev/null", open_null), .of = OF_NO_NODE },
	{ ROW("export_idle", "export an idle dma-buf's sync_file, close it", export_idle),
	  .of = OF_NO_NODE },
	{}
};

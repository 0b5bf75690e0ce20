// SPDX-License-Identifier: GPL-2.0
/* Real dma-bufs, from the system heap or of a memfd's pages. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <sys/mman.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>

#include "buffer.h"
#include "fence.h"

static int heap_buffer(__u64 size)
{
	struct dma_heap_allocation_data alloc = {
		.len = size,
		.fd_flags = O_RDWR | O_CLOEXEC,
	};
	int heap = open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC);
	int ret;

	if (heap < 0)
		return -errno;
	ret = call(heap, DMA_HEAP_IOCTL_ALLOC, &alloc);
	close(heap);
	return ret < 0 ? ret : (int)alloc.fd;
}

static int udmabuf_buffer(__u64 size)
{
	struct udmabuf_create create = {
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = size,
	};
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	int memory;
	int ret;

	if (device < 0)
		return -errno;
	memory = memfd_create("buffer", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (memory < 0) {
		ret = -errno;
		goto out_device;
	}
	if (ftruncate(memory, size) || fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK)) {
		ret = -errno;
		goto out_memory;
	}
	create.memfd = memory;
	ret = call(device, UDMABUF_CREATE, &create);
out_memory:
	close(memory);
out_device:
	close(device);
	return ret;
}

int buffer_new(enum buffer_source source, __u64 size)
{
	return source == BUFFER_HEAP ? heap_buffer(size) : udmabuf_buffer(size);
}

int buffer_any(__u64 size, const char **name)
{
	int buffer = buffer_new(BUFFER_HEAP, size);

	*name = "/dev/dma_heap/system";
	if (buffer < 0) {
		buffer = buffer_new(BUFFER_UDMABUF, size);
		*name = "/dev/udmabuf";
	}
	return buffer;
}

int buffer_import(int buffer, int fence, __u32 flags)
{
	struct dma_buf_import_sync_file arg = { .flags = flags, .fd = fence };

	return call(buffer, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &arg);
}

int buffer_export(int buffer, __u32 flags)
{
	struct dma_buf_export_sync_file arg = { .flags = flags, .fd = -1 };
	int ret = call(buffer, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &arg);

	return ret < 0 ? ret : arg.fd;
}

int buffer_poll(int buffer, int events, int ms)
{
	struct pollfd poll_fd = { .fd = buffer, .events = events };
	int ret = poll(&poll_fd, 1, ms);

	if (ret < 0)
		return -errno;
	return ret ? poll_fd.revents : 0;
}

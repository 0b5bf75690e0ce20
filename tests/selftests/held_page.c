// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <linux/userfaultfd.h>

#include "held_page.h"
#include "process.h"

static int hold(struct held_page *page, __u64 features, __u64 mode)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	struct uffdio_register range = { .mode = mode };

	/* poll(2) works only on a non-blocking userfaultfd. */
	page->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (page->uffd < 0)
		return -errno;
	page->size = sysconf(_SC_PAGESIZE);
	page->memory = mmap(NULL, page->size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page->memory == MAP_FAILED)
		return -errno;
	range.range.start = (unsigned long)page->memory;
	range.range.len = page->size;
	return call(page->uffd, UFFDIO_API, &api) ?:
	       call(page->uffd, UFFDIO_REGISTER, &range);
}

int held_page(struct held_page *page)
{
	return hold(page, 0, UFFDIO_REGISTER_MODE_MISSING);
}

static int protect(struct held_page *page, __u64 mode)
{
	struct uffdio_writeprotect protect = {
		.range = { (unsigned long)page->memory, page->size },
		.mode = mode,
	};

	return call(page->uffd, UFFDIO_WRITEPROTECT, &protect);
}

int held_page_with(struct held_page *page, const void *bytes, size_t size)
{
	int ret = hold(page, UFFD_FEATURE_PAGEFAULT_FLAG_WP, UFFDIO_REGISTER_MODE_WP);

	if (ret)
		return ret;
	memcpy(page->memory, bytes, size);
	return protect(page, UFFDIO_WRITEPROTECT_MODE_WP);
}

int held_page_reached(const struct held_page *page, int ms)
{
	struct pollfd poll_uffd = { .fd = page->uffd, .events = POLLIN };
	int ret = poll(&poll_uffd, 1, ms);

	return ret < 0 ? -errno : ret;
}

int held_page_release(struct held_page *page)
{
	struct uffdio_zeropage zero = {
		.range = { (unsigned long)page->memory, page->size },
	};
	int ret = call(page->uffd, UFFDIO_ZEROPAGE, &zero);

	/* If only writes are held up, the page exists, and must only become writable. */
	return ret == -EEXIST || ret == -EINVAL ? protect(page, 0) : ret;
}

int held_page_remove(struct held_page *page)
{
	struct uffdio_range range = { (unsigned long)page->memory, page->size };

	if (munmap(page->memory, page->size))
		return -errno;
	return call(page->uffd, UFFDIO_WAKE, &range);
}

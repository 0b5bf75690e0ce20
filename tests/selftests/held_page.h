/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A page of memory that holds up the kernel, as user space can do with userfaultfd(2) or
 * with its own file system: a copy to the page waits until the test wakes it.
 */
#ifndef SELFTEST_HELD_PAGE_H
#define SELFTEST_HELD_PAGE_H

#include <stddef.h>

struct held_page {
	void *memory;
	size_t size;
	int uffd;
};

/*
 * held_page() makes a page that holds up reads and writes, because it does not exist yet.
 * held_page_with() makes a page with the contents of @bytes that holds up only writes. Both return
 * 0, or -errno if there is no userfaultfd(2), or this process may not use it.
 */
int held_page(struct held_page *page);
int held_page_with(struct held_page *page, const void *bytes, size_t size);
/* Waits up to @ms until a thread is held up. Returns 1 if one is, and 0 if not. */
int held_page_reached(const struct held_page *page, int ms);
/* Releases the thread: the page exists from now on, and may be written. */
int held_page_release(struct held_page *page);
/* Releases the thread, but unmaps the page: the thread's copy fails. */
int held_page_remove(struct held_page *page);

#endif

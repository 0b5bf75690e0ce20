/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A page of memory that holds up the kernel, as user space can with userfaultfd(2) or a
 * file system of its own: a copy to it waits until the test lets it go on.
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
 * Holds up reads and writes of a page that is not there yet, or only writes to one that has
 * the contents of @bytes. 0, or -errno: there is no userfaultfd(2), or not for this process.
 */
int held_page(struct held_page *page);
int held_page_with(struct held_page *page, const void *bytes, size_t size);
/* Whether a thread is held up, at the latest after @ms. */
int held_page_reached(const struct held_page *page, int ms);
/* Lets the thread go on: the page is there, and may be written. */
int held_page_release(struct held_page *page);
/* Lets the thread go on without the page: its copy fails. */
int held_page_remove(struct held_page *page);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a recording of `fencectl trace` must say of fences. A program that is recorded prints a
 * line for each fence: the name of the timeline, a tab, and a regular expression that the JSON of
 * the recording must match for this fence. The name is a regular expression, too.
 */
#ifndef TESTS_RECORDED_H
#define TESTS_RECORDED_H

#include <linux/types.h>

/* Returns the result of a call. Ends the program if the call has failed. */
int must(const char *what, __s64 ret);

/* Waits until a fence has signaled. */
int signaled(int fd);

/*
 * Prints the line for a fence of the module's, after the fence has signaled. Time and status are
 * those of SYNC_IOC_FILE_INFO. @deadlines is the content of the list of deadlines in the JSON.
 */
void expect(const char *timeline, unsigned int seqno, int fd, const char *cause,
	    const char *deadlines);

/* Prints the line for a fence of which the recording does not know how it ended. */
void expect_unknown(const char *timeline, unsigned int seqno);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* The voice of the demo: lines with times, and steps that are checked. */
#ifndef DEMO_SAY_H
#define DEMO_SAY_H

#include <stdbool.h>

#include "kselftest.h"

/* Who speaks from now on in this process; the times count from the first call. */
void speaker(const char *name);
/* A line of the story. */
void say(const char *format, ...) __printf(1, 2);
/* A further line of the same step. */
void detail(const char *format, ...) __printf(1, 2);
/* A heading. */
void chapter(const char *title);
/* Goes on if @as_expected, else says what was expected and seen, and exits. */
void expect(bool as_expected, const char *expected, const char *seen, ...)
	__printf(3, 4);
/* An errno as people know it: "ECANCELED (Operation canceled)". */
const char *error_text(int error);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* Prints the lines of the demo with their times, and checks steps. */
#ifndef DEMO_SAY_H
#define DEMO_SAY_H

#include <stdbool.h>

#include "kselftest.h"

/* Sets the name that begins each line of this process. Times count from the first call. */
void speaker(const char *name);
/* Prints a line. */
void say(const char *format, ...) __printf(1, 2);
/* Prints a further line for the same step. */
void detail(const char *format, ...) __printf(1, 2);
/* Prints a heading. */
void chapter(const char *title);
/* Returns if @as_expected. Otherwise prints what was expected and seen, and exits. */
void expect(bool as_expected, const char *expected, const char *seen, ...)
	__printf(3, 4);
/* Returns the name and the message of an errno: "ECANCELED (Operation canceled)". */
const char *error_text(int error);

#endif

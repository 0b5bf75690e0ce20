/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The file that a plugin writes to, by its only argument, out=FILE.
 */
#ifndef BENCH_PLUGIN_OUTPUT_H
#define BENCH_PLUGIN_OUTPUT_H

#include <stdio.h>

/* Opens the output file of @plugin. On failure, prints what is wrong and returns NULL. */
FILE *output_open(const char *plugin, int argc, char **argv);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Loading and removing the module under test. In the environment:
 *
 *   FENCE_KO      the module's file; a test that needs it skips without
 *   FENCE_PARAMS  the parameters that it was loaded with
 */
#ifndef SELFTEST_MODULE_H
#define SELFTEST_MODULE_H

#include <stdbool.h>

bool module_is_loaded(void);
/* How many references to the module there are, as lsmod shows them; -errno. */
int module_references(void);
/*
 * The parameters with which the next test finds the module as it was: FENCE_PARAMS, or
 * those that give the nodes that are there now. To be asked before the module is removed.
 */
const char *module_params(void);
/* Loads FENCE_KO, and waits for its node; -errno. */
int module_load(const char *params);
/* Removes the module, and waits for its node to be gone; -errno. */
int module_remove(void);

#endif

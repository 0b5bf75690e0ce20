/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Loading and removing the module under test. In the environment:
 *
 *   FENCE_KO      the file of the module; a test that needs it skips if it is not set
 *   FENCE_PARAMS  the parameters that it was loaded with
 */
#ifndef SELFTEST_MODULE_H
#define SELFTEST_MODULE_H

#include <stdbool.h>

bool module_is_loaded(void);
/* Returns the number of references to the module, as lsmod shows it, or -errno. */
int module_references(void);
/*
 * Returns the parameters with which to load the module again, so that the next test finds the
 * module as it was: FENCE_PARAMS, or parameters that create the nodes that exist now. Must be
 * called before the module is removed.
 */
const char *module_params(void);
/* Loads FENCE_KO, and waits for its node. Returns -errno on failure. */
int module_load(const char *params);
/* Removes the module, and waits until its node is gone. Returns -errno on failure. */
int module_remove(void);

#endif

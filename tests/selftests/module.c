// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fence.h"
#include "module.h"
#include "sw_sync.h"

#define MODULE	"fence_exporter"

/* On Android, a daemon makes the nodes, some time after the module was loaded. */
static bool wait_for_node(bool there)
{
	int tries;

	for (tries = 0; tries < 500; tries++) {
		if ((access(FENCE_DEVICE, F_OK) == 0) == there)
			return true;
		usleep(10000);
	}
	return false;
}

bool module_is_loaded(void)
{
	return !access("/sys/module/" MODULE, F_OK);
}

int module_references(void)
{
	int fd = open("/sys/module/" MODULE "/refcnt", O_RDONLY | O_CLOEXEC);
	char text[16] = "";
	ssize_t size;

	if (fd < 0)
		return -errno;
	size = read(fd, text, sizeof(text) - 1);
	close(fd);
	return size > 0 ? atoi(text) : -EIO;
}

const char *module_params(void)
{
	static const char *params;

	if (!params)
		params = getenv("FENCE_PARAMS");
	if (!params)
		params = access(SW_SYNC_DEVICE, F_OK) ? "" : "sw_sync=1";
	return params;
}

int module_load(const char *params)
{
	int fd = open(getenv("FENCE_KO"), O_RDONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	ret = syscall(SYS_finit_module, fd, params, 0) ? -errno : 0;
	close(fd);
	if (!ret && !wait_for_node(true))
		return -ENOENT;
	return ret;
}

int module_remove(void)
{
	if (syscall(SYS_delete_module, MODULE, O_NONBLOCK))
		return -errno;
	return wait_for_node(false) ? 0 : -EEXIST;
}

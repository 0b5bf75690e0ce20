// SPDX-License-Identifier: GPL-2.0
/* The calls on DRM devices that the tests need. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <drm/drm.h>
#include <drm/drm_mode.h>

#include "drm_card.h"
#include "fence.h"

#define MOST_CARDS	8

int card_open(const char *driver)
{
	int i;

	for (i = 0; i < MOST_CARDS; i++) {
		char name[64] = {};
		struct drm_version version = {
			.name = name,
			.name_len = sizeof(name) - 1,
		};
		char path[32];
		int card;

		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		card = open(path, O_RDWR | O_CLOEXEC);
		if (card < 0)
			continue;
		if (!call(card, DRM_IOCTL_VERSION, &version) &&
		    !strcmp(name, driver))
			return card;
		close(card);
	}
	return -ENOENT;
}

int card_dumb(int card, __u32 width, __u32 height, struct dumb *dumb)
{
	struct drm_mode_create_dumb arg = {
		.width = width,
		.height = height,
		.bpp = 32,
	};
	int ret = call(card, DRM_IOCTL_MODE_CREATE_DUMB, &arg);

	dumb->handle = arg.handle;
	dumb->pitch = arg.pitch;
	dumb->size = arg.size;
	return ret;
}

int card_export(int card, __u32 handle)
{
	struct drm_prime_handle arg = {
		.handle = handle,
		.flags = DRM_CLOEXEC | DRM_RDWR,
		.fd = -1,
	};
	int ret = call(card, DRM_IOCTL_PRIME_HANDLE_TO_FD, &arg);

	return ret < 0 ? ret : arg.fd;
}

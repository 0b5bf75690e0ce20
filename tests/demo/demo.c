// SPDX-License-Identifier: GPL-2.0
/*
 * Shows the purpose of the module with two processes.
 *
 * A plays a device: it owns a timeline and signals its fences. B plays a
 * compositor that receives the fence of a picture that A is still drawing. The
 * program checks every step. If a step fails, the program ends with status 1.
 * At the end it removes the module, so it needs to be root in a machine of its
 * own.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/dma-buf.h>

#include "buffer.h"
#include "fence.h"
#include "say.h"

#define TIMELINE	"demo-gpu"
#define MODULE		"fence_exporter"
#define DRAWING_MS	250

/* Wakes the other process. */
static void tell(int peer)
{
	expect(write(peer, "x", 1) == 1, "the other process listens", "%s",
	       strerror(errno));
}

static void hear(int peer)
{
	char byte;

	expect(read(peer, &byte, 1) == 1, "the other process goes on",
	       "it has ended");
}

static void show(int fence, struct sync_fence_info *info)
{
	int ret = fence_describe(fence, info);

	expect(ret == 0, "SYNC_IOC_FILE_INFO answers", "%s", error_text(ret));
	detail("SYNC_IOC_FILE_INFO: timeline \"%s\", driver \"%s\", status %d%s",
	       info->obj_name, info->driver_name, info->status,
	       info->status > 0 ? " (signaled)" :
	       info->status == 0 ? " (active)" : "");
}

static int b_attach_to_buffer(int fence)
{
	const char *source;
	int buffer = buffer_any(64 * 1024, &source);
	int ret;

	expect(buffer >= 0, "a dma-buf from /dev/dma_heap/system or /dev/udmabuf",
	       "%s", error_text(buffer));
	say("allocates a dma-buf of 64 KiB from %s", source);
	ret = buffer_poll(buffer, POLLIN, 0);
	expect(ret == POLLIN, "the new buffer is idle", "poll answers %#x", ret);
	ret = buffer_import(buffer, fence, DMA_BUF_SYNC_WRITE);
	expect(ret == 0, "DMA_BUF_IOCTL_IMPORT_SYNC_FILE takes the fence", "%s",
	       error_text(ret));
	ret = buffer_poll(buffer, POLLIN, 0);
	expect(ret == 0, "the buffer is busy", "poll answers %#x", ret);
	say("attaches the fence as the buffer's writer: the buffer is busy now");
	return buffer;
}

static void b_wait(int fence, int buffer)
{
	__u64 begin = now_ns();
	__u64 fence_done;
	__u64 buffer_done;
	int ret = fence_wait(fence, LONG_MS);

	fence_done = now_ns();
	expect(ret == 1, "poll on the sync_file wakes when A signals", "%d", ret);
	ret = buffer_poll(buffer, POLLIN, LONG_MS);
	buffer_done = now_ns();
	expect(ret == POLLIN, "poll on the dma-buf wakes with it", "%d", ret);
	say("wakes after %llu ms: the fence has signaled",
	    (fence_done - begin) / NSEC_PER_MSEC);
	detail("and %llu us later the dma-buf is readable too",
	       (buffer_done - fence_done) / 1000);
	expect(fence_done - begin >= DRAWING_MS * NSEC_PER_MSEC / 2,
	       "B slept until A signaled", "it woke after %llu us",
	       (fence_done - begin) / 1000);
}

/* Process B receives a fence, waits for it, and keeps it for longer than the module is loaded. */
static int process_b(int peer)
{
	struct sync_fence_info info;
	__u64 signaled_at;
	int fence;
	int buffer;
	int ret;

	speaker("B");
	fence = receive_fd(peer);
	expect(fence >= 0, "a descriptor comes over the socket", "%s",
	       error_text(fence));
	say("gets the descriptor and asks what it is");
	show(fence, &info);
	expect(!strcmp(info.obj_name, TIMELINE), "timeline \"" TIMELINE "\"",
	       "\"%s\"", info.obj_name);
	expect(!strcmp(info.driver_name, MODULE), "driver \"" MODULE "\"", "\"%s\"",
	       info.driver_name);
	expect(info.status == 0, "the fence is active", "status %d", info.status);
	ret = fence_wait(fence, 0);
	expect(ret == 0, "poll says: not yet", "%d", ret);

	buffer = b_attach_to_buffer(fence);
	say("polls the sync_file and sleeps");
	tell(peer);
	b_wait(fence, buffer);
	show(fence, &info);
	expect(info.status == 1, "status 1", "%d", info.status);
	signaled_at = info.timestamp_ns;
	expect(signaled_at, "a time at which it signaled", "none");
	close(buffer);
	tell(peer);

	hear(peer);
	say("still holds the descriptor of fence 1, and asks it once more");
	show(fence, &info);
	expect(info.status == 1 && info.timestamp_ns == signaled_at,
	       "status 1 and the same time as before", "status %d, %llu ns apart",
	       info.status, info.timestamp_ns - signaled_at);
	ret = fence_wait(fence, 0);
	expect(ret == 1, "poll still says: signaled", "%d", ret);
	detail("the fence outlives the module that made it");
	return 0;
}

static void a_show_info(int tl, __u64 signaled, __u64 pending)
{
	struct fence_exporter_info info;
	int ret = timeline_info(tl, &info);

	expect(ret == 0, "INFO answers", "%s", error_text(ret));
	detail("INFO: \"%s\", %llu created, %llu signaled, %llu pending", info.name,
	       info.last_seqno, info.signaled, info.pending);
	expect(info.signaled == signaled && info.pending == pending &&
	       info.last_seqno == signaled + pending,
	       "the counts of the story", "%llu signaled, %llu pending",
	       info.signaled, info.pending);
}

static void a_remove_module(void)
{
	long ret = syscall(SYS_delete_module, MODULE, O_NONBLOCK);

	expect(ret == 0, "the module can be removed", "%s", error_text(errno));
	say("removes the module (rmmod " MODULE ")");
	ret = access(FENCE_DEVICE, F_OK);
	expect(ret && errno == ENOENT, FENCE_DEVICE " is gone", "%s",
	       ret ? error_text(errno) : "it is there");
	ret = access("/sys/module/" MODULE, F_OK);
	expect(ret && errno == ENOENT, "/sys/module/" MODULE " is gone", "%s",
	       ret ? error_text(errno) : "it is there");
	detail(FENCE_DEVICE " is gone, and so is the module's code");
}

static void a_cancel(int tl, const int *fences, int count)
{
	int status;
	int ret;
	int i;

	say("closes the timeline while fences 2 and 3 are pending");
	close(tl);
	for (i = 0; i < count; i++) {
		ret = fence_wait(fences[i], LONG_MS);
		expect(ret == 1, "a pending fence completes at close", "poll: %d",
		       ret);
		status = fence_status(fences[i]);
		expect(status == -ECANCELED, "status -ECANCELED", "%d", status);
	}
	say("sees both complete with -%s", error_text(ECANCELED));
	detail("nobody who waits for them is left hanging");
}

/* Process A simulates the device. */
static void process_a(int peer)
{
	int fences[3];
	__s64 ret;
	int tl = timeline_open();

	expect(tl >= 0, FENCE_DEVICE " opens (is the module loaded?)", "%s",
	       error_text(tl));
	ret = timeline_setup(tl, TIMELINE, 10 * NSEC_PER_SEC, 0);
	expect(ret == 0, "SETUP names the timeline", "%s", error_text(ret));
	say("opens " FENCE_DEVICE ": a new timeline, named \"" TIMELINE "\"");
	ret = fence_create_many(tl, fences, 3);
	expect(ret == 1, "CREATE makes fences 1 to 3", "%lld", ret);
	say("creates three fences, each a sync_file descriptor");
	a_show_info(tl, 0, 3);

	chapter("2. A fence is handed to another process");
	ret = send_fd(peer, fences[0]);
	expect(ret == 0, "the descriptor goes over a UNIX socket", "%s",
	       error_text(ret));
	say("sends fence 1 to B over a UNIX socket, and begins to draw");
	close(fences[0]);
	hear(peer);
	sleep_ms(DRAWING_MS);

	chapter("3. The device signals");
	say("has drawn for %d ms and signals fence 1", DRAWING_MS);
	ret = fence_signal(tl, 1, 0);
	expect(ret == 1, "SIGNAL signals one fence", "%lld", ret);
	hear(peer);
	a_show_info(tl, 1, 2);

	chapter("4. The device goes away");
	a_cancel(tl, &fences[1], 2);

	chapter("5. The module goes away");
	a_remove_module();
	tell(peer);
}

int main(void)
{
	int sockets[2];
	int status;
	pid_t b;

	speaker("A");
	chapter("1. A timeline and its fences");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
		expect(false, "a pair of sockets", "%s", error_text(errno));
	b = fork();
	expect(b >= 0, "a second process", "%s", error_text(errno));
	if (!b) {
		close(sockets[0]);
		exit(process_b(sockets[1]));
	}
	close(sockets[1]);
	process_a(sockets[0]);
	expect(waitpid(b, &status, 0) == b && status == 0, "B ends well",
	       "wait status %#x", status);
	chapter("Everything was as expected.");
	return 0;
}

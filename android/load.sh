#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# On the device: loads the module that lies beside this file with the options
# that lie there, anew if it is loaded, and gives its nodes the owners that
# ueventd.rc says. What a vendor partition does at boot, for a module that was
# pushed. It is /system/bin/sh and toybox that run it.

cd "$(dirname "$0")" || exit 1
module=fence_exporter

say() { echo "$module: $*"; }

# ueventd makes and removes nodes in its own time: waits up to 5 s until the test is true.
wait_until() {
	tries=0
	until [ "$@" ]; do
		tries=$((tries + 1))
		[ "$tries" -lt 50 ] || return 1
		sleep 0.1
	done
}

# The nodes of the rules, without what else a line says.
nodes() { sed -n 's,^\(/dev/[^ ]*\) .*,\1,p' ueventd.rc; }

if [ -d "/sys/module/$module" ]; then
	rmmod "$module" || { say "it is in use: close what has its nodes open"; exit 1; }
	# One that is still there when the module comes back would be taken for a new one.
	for node in $(nodes); do
		wait_until ! -e "$node" || say "$node is still there: does ueventd run?"
	done
fi
options=$(sed -n "s/^options $module //p" modules.options)
# shellcheck disable=SC2086 # Each is a word.
if ! insmod "$module.ko" $options; then
	say "it did not load; the kernel says:"
	dmesg | grep "$module" | tail -n 20
	exit 1
fi

seen=0
while read -r node mode owner group; do
	case $node in /dev/*) ;; *) continue ;; esac
	name=${node#/dev/}
	[ -d "/sys/class/misc/$name" ] || continue
	wait_until -c "$node" || { say "there is no $node: does ueventd run?"; exit 1; }
	chown "$owner:$group" "$node" && chmod "$mode" "$node" || exit 1
	label=$(sed -n "s,^$node *,,p" file_contexts)
	if [ -e /sys/fs/selinux/enforce ] && ! chcon "$label" "$node" 2>/dev/null; then
		say "$node keeps its label: the policy of this device has no ${label#*:object_r:}"
	fi
	say "$node $mode $owner $group"
	seen=$((seen + 1))
done <ueventd.rc
[ "$seen" -gt 0 ] || { say "it made no node"; exit 1; }

#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
#
# Tests one mutant after the other in the guest. For each: its module is loaded, by
# which the KUnit suites run; then the programs that are named for it run until one
# fails; then it is removed. After a report, a program that does not end, or a module
# that can't be removed, the kernel can't be trusted any more and the guest ends.
#
# /mutants/list has lines of a number, the suites of KUnit to run, and the programs, each
# with its limit in seconds. What is found goes to the console as lines that begin with @.

programs=/usr/lib/fence_exporter
filter=/sys/module/kunit/parameters/filter_glob
bad='WARNING|BUG:|kernel BUG|Oops|refcount_t|CFI failure|corruption|rcu: INFO|blocked for more'

# Shows what the kernel has said since the last time, and fails if it is a report.
said() {
	dmesg -c >/tmp/said
	sed 's/^/@log /' /tmp/said
	! grep -qE "$bad" /tmp/said
}

# within SECONDS COMMAND...: its status, or 99 if it was not done.
within() {
	local limit=$(($1 * 10)) i=0 status
	shift
	rm -f /tmp/status
	setsid sh -c '"$@" >/tmp/out 2>&1; echo $? >/tmp/status.new; mv /tmp/status.new /tmp/status' - "$@" &
	while [ ! -e /tmp/status ]; do
		if [ $((i += 1)) -gt $limit ]; then
			return 99
		fi
		usleep 100000
	done
	wait
	read -r status </tmp/status
	return "$status"
}

mutant() {
	local number=$1 suites=$2 program status failed=
	shift 2
	echo "@mutant $number"
	export FENCE_KO=/mutants/$number.ko FENCE_PARAMS=sw_sync=1
	# A line would end in a character more.
	echo -n "$suites" >$filter
	within 60 insmod $FENCE_KO $FENCE_PARAMS
	status=$?
	# Programs that load the module again don't test it anew.
	echo -n none >$filter
	said || { echo "@report KUnit"; return 1; }
	if [ $status = 99 ]; then
		echo "@late insmod"
		return 1
	elif [ $status != 0 ]; then
		echo "@failed insmod $status $(head -n 1 /tmp/out)"
		return 0
	fi
	if grep -qE '(^| )not ok ' /tmp/said; then
		echo "@failed KUnit $(grep -oE 'not ok .*' /tmp/said | head -n 1)"
		failed=1
	fi
	for program; do
		[ -z "$failed" ] || break
		within "${program#*:}" $programs/"${program%:*}"
		status=$?
		said || { echo "@report ${program%:*}"; return 1; }
		case $status in
		0 | 4) ;;
		99) echo "@late ${program%:*}"; return 1 ;;
		*)
			echo "@failed ${program%:*} $status $(grep -m 1 '^not ok' /tmp/out)"
			failed=1
			;;
		esac
		echo "@ran ${program%:*} $(($(cut -d . -f 1 /proc/uptime) - began))"
		began=$(cut -d . -f 1 /proc/uptime)
	done
	rmmod fence_exporter || { echo "@failed rmmod"; return 1; }
	said || { echo "@report rmmod"; return 1; }
	echo "@done $number"
}

# The words of the list are not patterns.
set -f
dmesg -c >/tmp/said
began=$(cut -d . -f 1 /proc/uptime)
while read -r line; do
	# shellcheck disable=SC2086
	mutant $line || break
done </mutants/list
echo "@end"
exit 0

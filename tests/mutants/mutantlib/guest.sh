#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
#
# Tests one mutant after the other in the guest. For each mutant, the script loads its
# module, which runs the KUnit suites. Then it runs the programs that the list names,
# until one fails, and removes the module. After a report, a program that does not end,
# or a module that can't be removed, the kernel can't be trusted any more, and the guest
# ends.
#
# Each line of /mutants/list has the number of a mutant, the KUnit suites to run, their
# time limit in seconds, and the programs, each with its limit in seconds. The script
# prints the results to the console, as lines that begin with @.

programs=/usr/lib/fence_exporter
filter=/sys/module/kunit/parameters/filter_glob
bad='WARNING|BUG:|kernel BUG|Oops|refcount_t|CFI failure|corruption|rcu: INFO|blocked for more'

# Prints what the kernel has logged since the last call. Fails if that contains a report.
said() {
	dmesg -c >/tmp/said
	sed 's/^/@log /' /tmp/said
	! grep -qE "$bad" /tmp/said
}

# within SECONDS COMMAND...: runs the command. Returns its status, or 99 if it did not end in time.
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
	local number=$1 suites=$2 limit=$3 program status failed=
	shift 3
	echo "@mutant $number"
	export FENCE_KO=/mutants/$number.ko FENCE_PARAMS="sw_sync=1 timeout_ms=10000 max_timeout_ms=60000"
	# Without -n, the newline would become part of the filter.
	echo -n "$suites" >$filter
	echo "@begin KUnit"
	within "$limit" insmod $FENCE_KO $FENCE_PARAMS
	status=$?
	# When a program loads the module again, the suites need not run again.
	echo -n none >$filter
	ran KUnit
	said || { echo "@report KUnit"; return 1; }
	case $status in
	0) ;;
	99) echo "@late insmod"; return 1 ;;
	*) echo "@failed insmod $status $(head -n 1 /tmp/out)"; return 0 ;;
	esac
	if grep -qE '(^| )not ok ' /tmp/said; then
		echo "@failed KUnit $(grep -oE 'not ok .*' /tmp/said | head -n 1)"
		failed=1
	fi
	for program; do
		[ -z "$failed" ] || break
		echo "@begin ${program%:*}"
		within "${program#*:}" $programs/"${program%:*}"
		status=$?
		said || { echo "@report ${program%:*}"; return 1; }
		case $status in
		0 | 4) ran "${program%:*}" ;;
		99) echo "@late ${program%:*}"; return 1 ;;
		*)
			echo "@failed ${program%:*} $status $(grep -m 1 '^not ok' /tmp/out)"
			failed=1
			;;
		esac
	done
	echo "@begin rmmod"
	rmmod fence_exporter || { echo "@failed rmmod"; return 1; }
	said || { echo "@report rmmod"; return 1; }
	echo "@done $number"
}

# ran NAME: prints how many seconds NAME took.
ran() {
	local now
	now=$(cut -d . -f 1 /proc/uptime)
	echo "@ran $1 $((now - began))"
	began=$now
}

# On a busy host, the guest's measurement of its timer may fail, and the kernel then does not use this
# timer. It uses another one only once it has calibrated its clock, which takes 2 s.
i=0
while grep -q 'hres_active *: 0' /proc/timer_list; do
	if [ $((i += 1)) -gt 50 ]; then
		echo "@again"
		exit 0
	fi
	usleep 100000
done
# The shell must not expand words of the list as patterns.
set -f
dmesg -c >/tmp/said
began=$(cut -d . -f 1 /proc/uptime)
while read -r line; do
	# shellcheck disable=SC2086
	mutant $line || break
done </mutants/list
exit 0

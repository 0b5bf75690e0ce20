#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# usage: install.sh [-n] [-s SERIAL] [load | test [REGEX] | remove]
#
# On the machine that the device is attached to: pushes what lies in device/ to
# the device, loads the module and says who may open its nodes (load); the same
# and then the kselftests, whose TAP goes to results/ (test; REGEX chooses among
# their names, ABI/test_SUBJECT); takes everything off the device again (remove).
#
#   -n         say what would be done, and do nothing
#   -s SERIAL  the device, as for adb; ADB names another adb
#
# The device must let adb be root (a userdebug build), and its kernel must be the
# one that the module was built for, or have the same KMI. The last line of
# `test` is `N passed, N failed[, N skipped]`; the status is 0 if none failed.

here=$(cd "$(dirname "$0")" && pwd) || exit 1
adb=${ADB:-adb}
place=/data/local/tmp/fence_exporter
limit=120
dry=
while getopts ns: option; do
	case $option in
	n) dry=1 ;;
	s) ANDROID_SERIAL=$OPTARG; export ANDROID_SERIAL ;;
	*) sed -n '3,/^$/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))
what=${1:-load}
# Without a choice, those of the device's own ABI.
native=$(cat "$here/abi")
choice=${2:-^$native/}

die() { printf 'install.sh: %s\n' "$@" >&2; exit 1; }

# Runs adb, or says so.
step() {
	if [ -n "$dry" ]; then
		echo "$adb $*"
	else
		"$adb" "$@"
	fi
}

# The device is there, is ours to load modules into, and is the right one.
reach() {
	if [ -n "$dry" ]; then
		step root
		step wait-for-device
		return
	fi
	[ "$("$adb" get-state 2>/dev/null)" = device ] ||
		die "adb has no device${ANDROID_SERIAL:+ $ANDROID_SERIAL}: 'adb devices' lists those that are there"
	if [ "$("$adb" shell id -u)" != 0 ]; then
		"$adb" root >/dev/null && "$adb" wait-for-device
		[ "$("$adb" shell id -u)" = 0 ] || die "adb can't be root on this device: it takes a userdebug build"
	fi
	machine=$("$adb" shell uname -m)
	[ "$machine" = "$(cat "$here/machine")" ] ||
		die "this archive is for $(cat "$here/machine"), and the device is $machine"
	release=$("$adb" shell uname -r)
	[ "$release" = "$(cat "$here/release")" ] ||
		echo "install.sh: built for Linux $(cat "$here/release"), and the device runs $release:" \
			"it loads if both have the same KMI" >&2
}

load() {
	step shell "rm -rf $place && mkdir -p $place" || die "can't write to $place on the device"
	step push "$here/device/." "$place/" || die "can't push to $place on the device"
	step shell "sh $place/load.sh" || exit 1
}

# Runs one test program; its TAP goes to results/.
run_test() {
	command="cd $place/tests && FENCE_KO=$place/fence_exporter.ko timeout -s KILL $limit ./$1"
	if [ -n "$dry" ]; then
		step shell "$command"
		return
	fi
	mkdir -p "$here/results/$(dirname "$1")"
	"$adb" shell "$command" </dev/null >"$here/results/$1.tap" 2>&1
	status=$?
	counts=$(awk -v "status=$status" -f "$here/tap.awk" "$here/results/$1.tap")
	# shellcheck disable=SC2086 # Three numbers.
	add "$1" $counts
}

# add NAME PASSED FAILED SKIPPED
add() {
	passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
	printf '%-40s %s passed, %s failed, %s skipped\n' "$1" "$2" "$3" "$4"
	[ "$3" = 0 ] || grep -v -e '^ok ' -e '^#  RUN' "$here/results/$1.tap" | sed 's/^/    | /'
}

run_tests() {
	passed=0 failed=0 skipped=0
	rm -rf "$here/results"
	for name in $(cd "$here/device/tests" && find . -type f -name 'test_*' | sed 's,^\./,,' | sort |
		grep -E -e "$choice"); do
		run_test "$name"
	done
	[ -z "$dry" ] || return 0
	[ $((passed + failed + skipped)) -gt 0 ] || die "no test has a name that matches $choice"
	echo "$passed passed, $failed failed$([ "$skipped" = 0 ] || echo ", $skipped skipped")"
	[ "$failed" = 0 ]
}

case $what in
load) reach && load ;;
test) reach && load && run_tests ;;
remove)
	reach
	step shell "[ ! -d /sys/module/fence_exporter ] || rmmod fence_exporter" || die "the module is in use"
	step shell "rm -rf $place"
	;;
*) die "load, test or remove, not $what" ;;
esac

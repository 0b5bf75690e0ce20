# SPDX-License-Identifier: GPL-2.0
#
# Counts what a test program has told: prints how many tests passed, failed and
# were skipped. A program that died, printed no plan or ran fewer tests than it
# planned has one failure more.
#
#   awk -v status=STATUS -f tap.awk FILE

# adb may hand on the carriage returns of a terminal.
{ sub(/\r$/, "") }
/^1\.\.[0-9]+/ { planned = substr($1, 4) + 0; plans++; whole = /# ?SKIP/ }
/^not ok / { failed++; next }
/^ok .*# ?SKIP/ { skipped++; next }
/^ok / { passed++ }
END {
	seen = passed + failed + skipped
	if (plans == 1 && planned == 0 && whole)
		skipped++
	else if (plans != 1 || planned != seen || ((status != 0 && status != 4) && failed == 0))
		failed++
	print passed + 0, failed + 0, skipped + 0
}

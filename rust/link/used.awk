# SPDX-License-Identifier: GPL-2.0
#
# usage: awk -f used.awk FILE.ll FILE.ll        the same file twice
#
# Prints the LLVM IR of C code without what the headers mark as used. Such a symbol would stay in
# a module that does not call the function which needs it.
#
# The key of a static call is such a symbol: objtool looks it up for each call. So the reference to
# the key moves to the call, and is dropped or inlined with it.

FNR == NR {
	if (match($0, /addressable___SCK__[A-Za-z0-9_]+_[0-9]+ = /)) {
		name = substr($0, RSTART + length("addressable___SCK__"), RLENGTH)
		sub(/_[0-9]+ = .*/, "", name)
		has_key[name] = 1
	}
	next
}

/^@llvm\.(compiler\.)?used = / { next }

/ call .*@__SCT__/ {
	match($0, /@__SCT__[A-Za-z0-9_]+/)
	name = substr($0, RSTART + length("@__SCT__"), RLENGTH - length("@__SCT__"))
	if (name in has_key)
		print "  call void asm sideeffect \".pushsection .discard.addressable,\\22aw\\22\\0A" \
			".quad __SCK__" name "\\0A.popsection\", \"\"()"
}

{ print }

# SPDX-License-Identifier: GPL-2.0
#
# usage: awk -f used.awk FILE.ll FILE.ll        the same file twice
#
# Prints the LLVM IR of C code without the lists of symbols that the headers mark as used. A symbol
# on such a list would stay in a module that does not call the function which needs the symbol.
#
# The key of a static call is marked as used, because objtool looks the key up for each call. So the
# filter moves the reference to the key to the call. There, the reference is dropped or inlined
# together with the call.

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

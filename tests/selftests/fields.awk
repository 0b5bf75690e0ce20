# SPDX-License-Identifier: GPL-2.0
# Makes `FIELD(structure, name, type)` of each field of the structures in a UAPI header.
BEGIN { print "#define UAPI_FIELDS \\" }
$1 == "struct" && $3 == "{" { structure = $2; sub("fence_exporter_", "", structure); next }
$1 == "};" { structure = "" }
structure && NF == 2 {
	name = $2
	type = $1
	sub(/[[;].*/, "", name)
	if (match($2, /\[.*\]/))
		type = type substr($2, RSTART, RLENGTH)
	print "\tFIELD(" structure ", " name ", " type ") \\"
}
END { print "" }

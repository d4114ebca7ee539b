package optimize

// Passes is the optimizer: the passes in the order they run.
var Passes = []Pass{
	{Name: "lower", Run: lower, Must: true,
		Does: "replaces logical operators by physical ones",
		Why:  "after every rule that reads the plan as the user wrote it; what follows sees tasks"},
	{Name: "cull", Run: cull,
		Does: "drops layers that nobody reads",
		Why:  "after the rules that orphan layers, before fusing, which must count the readers"},
	{Name: "fuse", Run: fuse,
		Does: "makes one task of a source, the row-wise steps after it and the first half of a breaker",
		Why:  "after lowering, which makes the halves"},
}

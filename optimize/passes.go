package optimize

import "fmt"

// Passes is the optimizer: the passes in the order they run.
var Passes = []Pass{
	{Name: "cull", Run: cull,
		Does: "drops layers that nobody reads",
		Why:  "first: what other results built in the same graph read must not count as reading"},
	{Name: "merge", Run: merge,
		Does: "makes one layer of equal ones, and of a large scan with several readers one for each",
		Why:  "before all rules that ask whether a layer has one reader: they must see what is shared, and which scans are not"},
	{Name: "filter", Run: filter,
		Does: "moves predicates toward the readers, through whatever lets them, and joins those that meet",
		Why:  "before columns are narrowed, because a predicate moved down no longer needs its columns above"},
	{Name: "derive", Run: derive,
		Does: "adds predicates that follow from others: on keys equal to tested ones, and of alternatives what they say of one table",
		Why:  "when predicates have sunk, so that it is seen what holds where, and before the readers use them"},
	{Name: "prune", Run: prune,
		Does: "drops blocks of a scan in which statistics rule the predicate out",
		Why:  "when predicates lie on the scans, and before the scans take them in, where they are no longer seen"},
	{Name: "absorb", Run: absorb,
		Does: "gives the predicates that lie on a reader to the reader",
		Why:  "before columns are narrowed: a reader that tests rows itself need not give out the columns it tests"},
	{Name: "joins", Run: joins,
		Does: "joins the tables of a chain of inner joins in the order that is estimated to cost least",
		Why:  "when the scans have their predicates, by which sizes are estimated, and before columns are narrowed, which depends on the order"},
	{Name: "reduce", Run: reduce,
		Does: "leaves out rows that a join will not match before they are grouped or made a table",
		Why:  "after the order of joins is known, and before columns are narrowed: it reads keys where nobody did"},
	{Name: "flatten", Run: flatten,
		Does: "makes one projection of a chain of operators that compute columns",
		Why:  "when predicates have found their places between them, and before columns are narrowed, which then is done once for all of them"},
	{Name: "project", Run: project,
		Does: "drops columns that nobody reads, in the readers where that is possible",
		Why:  "after predicates have found their place; before lowering, so that sides of joins are chosen by true widths"},
	{Name: "limit", Run: limit,
		Does: "tells the operators below a limit how many rows will be read",
		Why:  "after filters, which end its way, have moved, and before lowering, which turns a limited sort into a top-k"},
	{Name: "serve", Run: serve,
		Does: "spares a shuffle where equal keys already share a block",
		Why:  "needs the layouts that the other rules leave; lowering makes the shuffle"},
	{Name: "unite", Run: unite,
		Does: "makes one block of a scan of moderate size, or of a sort, for an operator that would shuffle its rows or wants one",
		Why:  "after predicates and layouts have spared what they can; lowering makes the shuffle"},
	{Name: "lower", Run: lower, Must: true,
		Does: "replaces logical operators by physical ones",
		Why:  "after every rule that reads the plan as the user wrote it; what follows sees tasks"},
	{Name: "remerge", Run: merge,
		Does: "makes one layer of equal ones once more",
		Why:  "lowering makes equal halves: two joins with one table build it once"},
	{Name: "weld", Run: weld,
		Does: "makes one task of a chain of array steps, the views before it and the first step of a reduction after it",
		Why:  "after merging, which finds equal sub-expressions and decides what is shared"},
	{Name: "fuse", Run: fuse,
		Does: "makes one task of a source, the row-wise steps after it and the first half of a breaker",
		Why:  "after lowering, which makes the halves, and after merging, which decides what is shared"},
	{Name: "order", Run: order,
		Does: "ranks the layers so that few blocks live at the same time",
		Why:  "after fusing: it ranks tasks, and what is fused is one"},
	{Name: "divide", Run: divide,
		Does: "says where layers may be cut, should the tables of their joins turn out too large, and adds what they are cut to",
		Why:  "after fusing, which makes what is cut, and after ranking, so that what is added comes when the layer would have come; before the projection of memory, which is of all layers"},
	{Name: "memory", Run: memory,
		Does: "projects the memory of a task of every layer and refuses a plan that cannot fit",
		Why:  "last: it speaks of the tasks that will run"},
}

// A Constraint says that one pass must stand before another.
type Constraint struct{ First, Then, Because string }

// Constraints is what the order of Passes must hold to.
var Constraints = []Constraint{
	{"cull", "merge", "a scan is copied for each reader, and a layer nobody needs is none"},
	{"cull", "filter", "a layer nobody needs asks for no predicate, so nothing would move through what it reads"},
	{"cull", "project", "a layer nobody needs would ask for columns"},
	{"merge", "filter", "a predicate moves through a shared layer only if all its readers ask for it"},
	{"merge", "limit", "a limit moves through layers with one reader only"},
	{"filter", "derive", "what holds for a table is seen where predicates have come to rest"},
	{"derive", "prune", "what was derived can rule out blocks, too"},
	{"filter", "prune", "only predicates that lie on a scan can rule out its blocks"},
	{"filter", "absorb", "only predicates that lie on a reader can be given to it"},
	{"prune", "absorb", "a predicate inside a reader is no longer seen"},
	{"filter", "project", "moving a predicate changes which columns are read above it"},
	{"filter", "flatten", "a predicate may come to rest between operators that compute columns, where it spares the later ones"},
	{"derive", "flatten", "predicates sink once more"},
	{"flatten", "project", "columns are narrowed once for a whole chain"},
	{"absorb", "project", "a column that only the reader tests need not leave it"},
	{"absorb", "joins", "a reader estimates its rows by the predicates it has"},
	{"merge", "joins", "a join that others read, too, is not taken apart"},
	{"joins", "reduce", "what a join leaves out depends on what was joined before"},
	{"joins", "project", "joins that leave out columns are not taken apart"},
	{"reduce", "project", "keys must be there where rows are left out by them"},
	{"filter", "limit", "a limit does not go through a filter, but a filter may have moved away"},
	{"project", "serve", "a layout names columns, and columns that nobody reads take their part of it along"},
	{"serve", "lower", "lowering makes the shuffle that serve spares"},
	{"prune", "unite", "a block in which nothing is found is dropped, and of one block all would be kept"},
	{"serve", "unite", "where nothing is shuffled any more, blocks of their own cost nothing"},
	{"unite", "lower", "lowering makes the shuffle that unite spares"},
	{"limit", "lower", "an operator is lowered by its parameters, and the limit is one"},
	{"prune", "lower", "lowering counts blocks"},
	{"project", "lower", "lowering picks the side of a join that makes the table by bytes"},
	{"lower", "remerge", "equal halves exist only after lowering"},
	{"lower", "fuse", "a logical operator cannot be part of a task"},
	{"remerge", "fuse", "layers in one task cannot be merged any more"},
	{"remerge", "weld", "layers in one task cannot be merged any more"},
	{"weld", "order", "ranks are per layer of tasks"},
	{"weld", "memory", "a task of several steps needs the memory of all"},
	{"fuse", "order", "ranks are per layer of tasks"},
	{"fuse", "memory", "the parts of one task need their memory at the same time"},
	{"order", "divide", "a spare layer has the rank of the one that is cut to it"},
	{"divide", "memory", "spare layers need memory, too"},
	{"order", "memory", "both number layers; nothing may move them after either"},
}

// CheckOrder returns the first constraint that the list of passes breaks, or an
// unnamed or unreasoned pass.
func CheckOrder(passes []Pass) error {
	at := map[string]int{}
	for i, p := range passes {
		if _, twice := at[p.Name]; twice || p.Name == "" || p.Does == "" || p.Why == "" || p.Run == nil {
			return fmt.Errorf("optimize: pass %d %q needs a name of its own, what it does, why it stands there, and a function", i, p.Name)
		}
		at[p.Name] = i
	}
	for _, c := range Constraints {
		i, ok := at[c.First]
		j, ok2 := at[c.Then]
		if !ok || !ok2 {
			return fmt.Errorf("optimize: the constraint %s before %s names a pass that is not there", c.First, c.Then)
		}
		if i >= j {
			return fmt.Errorf("optimize: pass %s must stand before %s: %s", c.First, c.Then, c.Because)
		}
	}
	return nil
}

package op

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/internal/canon"
	"github.com/weft-data/weft/internal/grid"
)

// ErrEnough is what a sink returns when no more rows are wanted. It is not a
// failure.
var ErrEnough = errors.New("enough rows")

// A Spec defines one operator with the parameter struct P. P's fields are of the
// kinds that canon encodes. Exactly one of Source, Pipe, Block and Lower is set.
type Spec[P any] struct {
	Name    string // "family.verb"
	Version int    // higher when equal parameters mean something else; other fields of P tell of themselves, see Listing
	Class   Class
	Doc     string // one sentence

	// Infer checks the parameters against the inputs and describes the output.
	Infer func(p P, in []Meta) (Meta, error)
	// Mem projects the memory of one task; rows and bytes are the estimated input
	// of that task. Nil means morsels only.
	Mem func(p P, in Meta) Need
	// Text words the parameters for Explain, without the operator's name.
	Text func(p P) string

	Source func(p P) (Source, error)
	Pipe   func(p P, in Meta) (Pipe, error) // in describes the morsels pushed
	Block  func(p P) (Block, error)
	Lower  func(p P, b *Fragment) error

	Rules Rules[P]
}

// Rules are what an operator lets the optimizer do with it. A nil rule means
// that it may not be done. No rule changes results.
type Rules[P any] struct {
	// Blocks returns the number of blocks of a scanning operator.
	Blocks func(p P) int
	// BlockMeta estimates one block of a scanning operator (rows, bytes) from statistics.
	BlockMeta func(p P, block int) Meta
	// Keep narrows a scanning operator to the given blocks (partition pruning).
	Keep func(p P, blocks []int) P
	// Prune reports the blocks of a scanning operator that may hold rows for which the
	// predicate is true, by their positions in 0 ≤ b < Blocks, ascending.
	Prune func(p P, pred expr.Expr) []int

	// Project narrows the output to the named columns; all of them exist. An
	// operator that computes columns drops the computations that nobody reads.
	Project func(p P, cols []string) P
	// Uses returns the input columns (per input) needed to give the named output
	// columns: a list per input, nil for an input none of whose columns is needed.
	// Without the rule all input columns are needed.
	Uses func(p P, in []Meta, cols []string) [][]string

	// Filter takes a predicate into the operator itself (a reader): it returns the
	// new parameters and the residual to be kept above, if any.
	Filter func(p P, pred expr.Expr) (P, expr.Expr)
	// Through rewrites a predicate on the output as a predicate on the given
	// input, so that it may be evaluated there instead; false if it may not. One
	// input suffices, unless Every is set.
	Through func(p P, in []Meta, pred expr.Expr, input int) (expr.Expr, bool)
	// Every says that a predicate goes through only if it goes to every input: the
	// output is a union of the inputs' rows.
	Every bool
	// Passes says that the operator gives all rows of all its inputs as they are, and does
	// nothing else: who does not ask for their order may read the inputs. See Fragment.Pieces.
	Passes bool
	// Pred returns the predicate of a filter operator: what push-down moves.
	Pred func(p P) (expr.Expr, bool)
	// WithPred builds the filter again.
	WithPred func(pred expr.Expr) Call
	// Select makes the operator, with this rule, the projection: it builds the call
	// that keeps the named columns of its input, as they are, in that order.
	Select func(cols []string) Call
	// Computes returns the columns that a row-wise operator computes of each row; with
	// others it keeps all other columns of its input, and a computed one has the place of the
	// column of its name. WithComputed is a rule of the projection: it computes steps, each of
	// the input's columns and the steps before it, and of these the columns of its output.
	Computes     func(p P) (cols []expr.Expr, others bool)
	WithComputed func(steps, cols []expr.Expr) Call
	// Pure says of an opaque operator that equal parameters and inputs give equal
	// output, so that equal layers may become one. All other classes are pure.
	Pure bool

	// Once says that the blocks are to be stored for their readers and never made
	// anew for each: their readers must see the same runs.
	Once bool

	// Shares says that the tasks that read a block read different runs of it (see
	// Picker), each about as much.
	Shares bool

	// Limit tells the operator that only the first n rows of its output will be
	// read.
	Limit func(p P, n int64) (P, bool)
	// LimitThrough says that the first n output rows need only the first n rows
	// of input 0.
	LimitThrough func(p P) bool
	// Rows returns n when the operator is a limit: only the first n rows of its
	// input are read.
	Rows func(p P) (int64, bool)

	// Take makes one layer of this one and one that it reads, by the number of that
	// layer in in; below and belowIn are its call and inputs. others says whether others
	// read it too, so that taking it in does its work twice. It returns the inputs of
	// the layer that does both.
	Take func(p P, in []int, layer int, below Call, belowIn []int, others Others) (P, []Link, bool)
	// TakesLast says that Take wants layers that have taken in what they can.
	TakesLast bool

	// Match says what a join does, false for one that does more: it leaves out columns or
	// renames some. WithMatch makes one.
	Match     func(p P) (Match, bool)
	WithMatch func(m Match) Call

	// Divide says how a step that looks rows up in all of its one side input can be done
	// run by run instead, should that input turn out larger than was planned; false if it
	// cannot. in describes the rows of the step, side its side input; memory is that of a
	// node which is sent all of the side input, infinite where nothing is sent.
	Divide func(p P, in, side Meta, memory float64) (Division, bool)

	// Serves reports that the input's layout already gives what the operator
	// would do by shuffling, and returns the call to use instead.
	Serves func(p P, in []Meta) (Call, bool)

	// Unite makes one block of all that an operator gives, whose task needs no more memory
	// for it and has splits for many threads; false when it is one already, or more than
	// most bytes, or was divided by the user, or gains nothing where the reader is spared that.
	Unite func(p P, most float64, spared Spared) (P, bool)
	// Spares says what the operator is spared when its first input is one block.
	Spares func(p P) Spared
}

// Others says who reads a layer beside the one that may take it in.
type Others uint8

// What others there may be.
const (
	NoOthers    Others = iota
	OthersNow          // they read a block about when this one does
	OthersLater        // so much is done before they read a block that many are stored until then
)

// A Spared is what an operator need not do.
type Spared uint8

// What operators may be spared.
const (
	SparedNothing Spared = iota
	SparedShuffle        // dividing its rows by keys
	SparedGather         // bringing its rows together as they are
)

// A Match is a join of two inputs on equal keys, pairwise. Its output has all columns of
// the left input and then, if Kind gives pairs, those of the right one, but for keys that
// have the name of their partner.
type Match struct {
	Left, Right []string
	Kind        MatchKind
	Some        bool // rows that are of no use, as the operator knows, may be left out
}

// A MatchKind says which rows a join gives.
type MatchKind uint8

// The kinds of joins.
const (
	Pairs   MatchKind = iota // every pair of rows whose keys are equal
	Kept                     // and the left rows without a partner
	Having                   // left rows that have a partner, once
	Lacking                  // left rows that have none
)

// A Division is two operators that do what a step did. The rows that were to go through the
// step are divided by Front into as many runs as its side input has; Back, a source, reads
// the runs of both: those of Front as its input 0, those of the side input as its input 1.
type Division struct {
	Front Call
	Meta  Meta // of Front
	Back  Call
	Size  Size // of Back
	// The side input is too large for the step when it has more rows or bytes than these.
	Rows, Bytes int64
}

// A Link is an input of a layer that a rule made: a layer and how its blocks are
// read.
type Link struct {
	Layer  int
	Wiring grid.Wiring
}

// An Op is a registered operator.
type Op[P any] struct{ spec *Spec[P] }

// A Bound is a call made ready in this process.
type Bound struct {
	Class  Class
	Source Source
	Pipe   Pipe
	Block  Block
}

// An Entry is the page of the book about one operator, with the parameter type
// hidden: every function takes the canonical parameters of a call.
type Entry struct {
	Name    string
	Version int
	Class   Class
	Doc     string
	Params  string // schema of the parameters

	Infer func(params string, in []Meta) (Meta, error)
	Mem   func(params string, in Meta) Need
	Text  func(params string) string
	Lower func(params string, b *Fragment) error
	Bind  func(params string, in Meta) (Bound, error)

	Blocks       func(params string) int
	BlockMeta    func(params string, block int) Meta
	Keep         func(params string, blocks []int) Call
	Prune        func(params string, pred expr.Expr) []int
	Project      func(params string, cols []string) Call
	Uses         func(params string, in []Meta, cols []string) [][]string
	Filter       func(params string, pred expr.Expr) (Call, expr.Expr)
	Through      func(params string, in []Meta, pred expr.Expr, input int) (expr.Expr, bool)
	Every        bool
	Passes       bool
	Pred         func(params string) (expr.Expr, bool)
	WithPred     func(pred expr.Expr) Call
	Select       func(cols []string) Call
	Computes     func(params string) ([]expr.Expr, bool)
	WithComputed func(steps, cols []expr.Expr) Call
	Pure         bool
	Once         bool
	Shares       bool
	Limit        func(params string, n int64) (Call, bool)
	LimitThrough func(params string) bool
	Rows         func(params string) (int64, bool)
	Take         func(params string, in []int, layer int, below Call, belowIn []int, others Others) (Call, []Link, bool)
	TakesLast    bool
	Match        func(params string) (Match, bool)
	WithMatch    func(m Match) Call
	Divide       func(params string, in, side Meta, memory float64) (Division, bool)
	Serves       func(params string, in []Meta) (Call, bool)
	Unite        func(params string, most float64, spared Spared) (Call, bool)
	Spares       func(params string) Spared
}

var (
	bookMu sync.RWMutex
	book   = map[string]*Entry{}
)

// Lookup finds an operator by name.
func Lookup(name string) (*Entry, error) {
	bookMu.RLock()
	defer bookMu.RUnlock()
	if e := book[name]; e != nil {
		return e, nil
	}
	return nil, fmt.Errorf("op: unknown operator %q: this binary does not link it", name)
}

// Of returns the page of a call's operator. It panics on an unknown operator:
// a Call is made by a registered one.
func Of(c Call) *Entry {
	e, err := Lookup(c.Op)
	if err != nil {
		panic(err)
	}
	return e
}

// Book returns every page, sorted by name.
func Book() []*Entry {
	bookMu.RLock()
	defer bookMu.RUnlock()
	out := make([]*Entry, 0, len(book))
	for _, e := range book {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b *Entry) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Listing returns a line for every operator and every registered function of this
// process: name, version and parameters. Equal listings, equal books.
func Listing() (lines []string) {
	for _, e := range Book() {
		lines = append(lines, fmt.Sprintf("%s@%d %s", e.Name, e.Version, e.Params))
	}
	bookMu.RLock()
	defer bookMu.RUnlock()
	for _, name := range slices.Sorted(maps.Keys(funcs)) {
		lines = append(lines, "func "+name+" "+funcs[name].schema)
	}
	return lines
}

// Digest identifies the book: equal digests, same names, versions and parameters
// of operators and of users' functions.
func Digest() [32]byte {
	h := sha256.New()
	for _, line := range Listing() {
		fmt.Fprintln(h, line)
	}
	return [32]byte(h.Sum(nil))
}

// Call makes a portable call and infers its output.
func (o Op[P]) Call(p P, in ...Meta) (Call, Meta, error) {
	m, err := o.spec.Infer(p, in)
	if err != nil {
		return Call{}, m, err
	}
	return o.With(p), m, nil
}

// With makes a call without inference: the parameters were checked before.
func (o Op[P]) With(p P) Call {
	b, err := canon.Append(nil, p)
	if err != nil {
		panic(fmt.Sprintf("op %s: parameters that cannot be encoded: %v", o.spec.Name, err))
	}
	return Call{o.spec.Name, string(b)}
}

// Decode returns the parameters of a call of this operator.
func (o Op[P]) Decode(c Call) (P, error) { return decode[P](o.spec.Name, c.Params) }

// Name returns the operator's name.
func (o Op[P]) Name() string { return o.spec.Name }

func decode[P any](name, params string) (p P, err error) {
	if err := canon.Decode([]byte(params), &p); err != nil {
		return p, fmt.Errorf("op %s: parameters: %w", name, err)
	}
	return p, nil
}

package op

// A Wiring says which blocks of an input a task needs.
type Wiring uint8

// The wirings of lowered operators.
const (
	OneToOne Wiring = iota // block b needs block b
	AllToAll               // every task needs every block
	Shuffled               // every task needs its share of the runs of every block (a shuffle's reduce side)
	Listed                 // explicit lists of blocks (graphs of single tasks)
	Boxed                  // blocks of an n-dimensional grid, axis by axis (arrays)
)

// A Ref names a node of a Fragment: its inputs are -1 (input 0), -2 (input 1) …, and the
// pieces of these lie below.
type Ref int

// Input returns the reference of an operator's input i.
func Input(i int) Ref { return Ref(-1 - i) }

// pieceStep is by how much the references of the pieces of an input differ.
const pieceStep = 1 << 16

// PieceOf returns the reference of piece k of an operator's input i.
func PieceOf(i, k int) Ref { return Ref(-1 - i - (k+1)*pieceStep) }

// Outside returns which input a negative reference names, and which piece of it; piece is
// -1 for the input itself.
func (r Ref) Outside() (input, piece int) {
	n := int(-1 - r)
	return n % pieceStep, n/pieceStep - 1
}

// A Part is an input of a physical operator within a fragment.
type Part struct {
	From   Ref
	Wiring Wiring
	Side   bool // goes to Pipe.Open, not through the pipeline
}

// A Node is a physical operator within a fragment.
type Node struct {
	Call Call
	In   []Part
	Meta Meta
	Size Size
}

// A Size says how many blocks a node has. The zero value is: as many as its
// first input.
type Size struct {
	Fixed int // this many
	// Runs > 0: decided when the inputs are finished. The layer gets the least
	// power of two of blocks, at most Runs, such that each reads about
	// TargetBytes of its inputs (and never more blocks than that).
	Runs        int
	TargetBytes int64
}

// A Piece is an input of an operator that passes rows on as they are.
type Piece struct {
	Meta   Meta
	Blocks int // -1 if not known yet
}

// A Fragment is what a logical operator is lowered to: physical operators wired
// to each other and to the logical operator's inputs. The last node added is the
// output.
type Fragment struct {
	In     []Meta // of the logical operator
	Blocks []int  // blocks of each input, -1 if not known yet
	// Pieces are, of each input that only passes on the rows of its own inputs (Rules.Passes),
	// these: an operator for which it is all the same in what order rows come reads them
	// where they are made, and nothing brings them together.
	Pieces [][]Piece
	Out    Meta // of the logical operator
	Nodes  []Node
	Same   bool // there is nothing to do: the output is input 0 itself
}

// Add appends a node and returns its reference.
func (f *Fragment) Add(n Node) Ref {
	f.Nodes = append(f.Nodes, n)
	return Ref(len(f.Nodes) - 1)
}

// Step appends a row-wise or breaking operator on from, block by block.
func (f *Fragment) Step(c Call, from Ref, m Meta) Ref {
	return f.Add(Node{Call: c, In: []Part{{From: from, Wiring: OneToOne}}, Meta: m})
}

// Single appends an operator that makes one block of all blocks of from.
func (f *Fragment) Single(c Call, from Ref, m Meta) Ref {
	return f.Add(Node{Call: c, In: []Part{{From: from, Wiring: AllToAll}}, Meta: m, Size: Size{Fixed: 1}})
}

// Narrow appends an operator that finds what is wanted of each block of from, and
// once more of what was found in all of them.
func (f *Fragment) Narrow(c Call, from Ref) {
	each := f.Step(c, from, f.Out)
	if f.Blocks[0] != 1 {
		f.Single(c, each, f.Out)
	}
}

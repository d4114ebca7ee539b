package guard

import (
	"math"
	"strings"
)

// Physical types of Parquet (parquet.thrift, enum Type).
const (
	physBool   = 0
	physInt32  = 1
	physInt64  = 2
	physInt96  = 3
	physFloat  = 4
	physDouble = 5
	physBytes  = 6
	physFixed  = 7
)

// logical is what of a column's annotation decides how its statistics are read.
type logical uint8

const (
	logicalNone logical = iota
	logicalString
	logicalDecimal
	logicalUint
	logicalFloat16
	logicalOther // an order this package does not use for statistics
)

// An Annotation says what the stored values of a column mean (Parquet's logical types, older files' converted
// types included).
type Annotation uint8

// The annotations that change how values are read. Anything else, also what is younger than this build, leaves the
// values as they are stored: readers may ignore what they do not know.
const (
	NoAnnotation Annotation = iota
	TextValues              // STRING, ENUM, JSON
	DecimalValues
	DateValues
	TimeValues
	TimestampValues
	IntValues
	NullValues // UNKNOWN: every value is null
	HalfValues // FLOAT16
	ListGroup  // LIST: of a group
	MapGroup   // MAP: of a group
)

// A Logical is the annotation of a column with its parameters.
type Logical struct {
	Kind             Annotation
	Bits             int  // of IntValues: 8 to 64
	Signed           bool // of IntValues
	Unit             int  // of TimeValues and TimestampValues: 0 milliseconds, 1 microseconds, 2 nanoseconds
	UTC              bool // of TimeValues and TimestampValues: instants, not wall time
	Precision, Scale int  // of DecimalValues
}

// maxSchemaDepth bounds the nesting of groups; Arrow walks the schema recursively.
const maxSchemaDepth = 64

// schemaElem is one node of the flattened schema tree.
type schemaElem struct {
	name       string
	typ        int64 // -1 for a group
	typeLen    int64
	repetition int64 // 0 required, 1 optional, 2 repeated
	children   int64
	logical    logical
	means      Logical
	converted  int64 // -1: none
	scale      int64
	precision  int64
}

// leaf is a column as the file stores it: a path of the schema that ends in a value.
type leaf struct {
	Leaf
	typ     int64
	typeLen int64
	logical logical
}

type rawStats struct {
	min, max       []byte // of min_value, max_value
	oldMin, oldMax []byte // of the deprecated min, max
	nulls          int64
	hasNulls       bool
}

type chunkMeta struct {
	typ, codec                  int64
	encodings                   []int64
	values                      int64
	compressed, uncompressed    int64
	dataOffset, dictOffset      int64
	stats                       rawStats
	offsets, columns            Span // page index
	bloom                       Span
	hasStats, hasMeta           bool
	crypto, elsewhere           bool
	hasType, hasCodec, hasCount bool
}

// A Span is where a part of the file lies; Len is 0 when it is not there (or, of a bloom filter, not known).
type Span struct{ At, Len int64 }

type groupMeta struct {
	rows, bytes int64
	chunks      []chunkMeta
}

type footer struct {
	elems     []schemaElem
	leaves    []leaf
	tree      []Node // top-level fields
	groups    []groupMeta
	rows      int64 // sum over the row groups: some writers leave the footer's own count at 0
	kv        map[string]string
	typeOrder []bool // per leaf: the order of its type is declared
	encrypted bool
}

// parseFooter reads the metadata of a Parquet file and checks all of it that later code relies on: the
// schema tree, that every row group has every column, that offsets and sizes lie inside a file of size bytes.
func parseFooter(b []byte, size int64) (*footer, error) {
	f := &footer{kv: map[string]string{}}
	r := &thriftReader{b: b}
	r.fields(func(id int16, typ byte) bool {
		switch {
		case id == 2 && typ == tList:
			r.each(func(_, n int) { f.elems = append(f.elems, readSchemaElem(r)) })
		case id == 4 && typ == tList:
			r.each(func(_, n int) { f.groups = append(f.groups, readGroup(r)) })
		case id == 5 && typ == tList:
			r.each(func(_, n int) { readKeyValue(r, f.kv) })
		case id == 7 && typ == tList:
			r.each(func(_, n int) { f.typeOrder = append(f.typeOrder, readColumnOrder(r)) })
		case id == 8:
			f.encrypted = true
			return false
		default:
			return false
		}
		return true
	})
	if r.err != nil {
		return nil, r.err
	}
	if err := f.buildLeaves(); err != nil {
		return nil, err
	}
	return f, f.checkGroups(size)
}

func readSchemaElem(r *thriftReader) schemaElem {
	annotated := false
	e := schemaElem{typ: -1, converted: -1}
	r.fields(func(id int16, typ byte) bool {
		switch {
		case id == 1 && typ == tI32:
			e.typ = r.int()
		case id == 2 && typ == tI32:
			e.typeLen = r.int()
		case id == 3 && typ == tI32:
			e.repetition = r.int()
		case id == 4 && typ == tBinary:
			e.name = string(r.binary())
		case id == 5 && typ == tI32:
			e.children = r.int()
		case id == 6 && typ == tI32:
			e.converted = r.int()
		case id == 7 && typ == tI32:
			e.scale = r.int()
		case id == 8 && typ == tI32:
			e.precision = r.int()
		case id == 10 && typ == tStruct:
			e.logical, e.means = readLogical(r)
			annotated = true
		default:
			return false
		}
		return true
	})
	if !annotated && e.converted >= 0 {
		e.logical, e.means = logicalOfConverted(e.converted), meaningOfConverted(&e)
	}
	return e
}

// meaningOfConverted is the annotation that a converted type stands for (LogicalTypes.md, "backward
// compatibility"): times and timestamps of old files are instants.
func meaningOfConverted(e *schemaElem) Logical {
	switch c := e.converted; c {
	case 0, 4, 19:
		return Logical{Kind: TextValues}
	case 1, 2:
		return Logical{Kind: MapGroup}
	case 3:
		return Logical{Kind: ListGroup}
	case 5:
		return Logical{Kind: DecimalValues, Precision: int(e.precision), Scale: int(e.scale)}
	case 6:
		return Logical{Kind: DateValues}
	case 7, 8:
		return Logical{Kind: TimeValues, Unit: int(c - 7), UTC: true}
	case 9, 10:
		return Logical{Kind: TimestampValues, Unit: int(c - 9), UTC: true}
	case 11, 12, 13, 14:
		return Logical{Kind: IntValues, Bits: 8 << (c - 11)}
	case 15, 16, 17, 18:
		return Logical{Kind: IntValues, Bits: 8 << (c - 15), Signed: true}
	}
	return Logical{}
}

func logicalOfConverted(c int64) logical {
	switch c {
	case 0, 4, 19: // UTF8, ENUM, JSON
		return logicalString
	case 5:
		return logicalDecimal
	case 11, 12, 13, 14:
		return logicalUint
	case 6, 7, 8, 9, 10, 15, 16, 17, 18: // dates, times and signed integers order as their physical type
		return logicalNone
	}
	return logicalOther
}

// readLogical reads the union LogicalType. What it does not know orders in a way that nobody here relies on.
func readLogical(r *thriftReader) (order logical, means Logical) {
	order = logicalOther
	r.fields(func(id int16, typ byte) bool {
		switch id {
		case 1, 4, 12:
			order, means.Kind = logicalString, TextValues
		case 2:
			means.Kind = MapGroup
		case 3:
			means.Kind = ListGroup
		case 5:
			order, means.Kind = logicalDecimal, DecimalValues
		case 6:
			order, means.Kind = logicalNone, DateValues
		case 7:
			order, means.Kind = logicalNone, TimeValues
		case 8:
			order, means.Kind = logicalNone, TimestampValues
		case 10:
			order, means = logicalNone, Logical{Kind: IntValues, Bits: 64, Signed: true}
		case 11:
			means.Kind = NullValues
		case 15:
			order, means.Kind = logicalFloat16, HalfValues
		}
		if typ != tStruct {
			return false
		}
		readAnnotation(r, id, &means)
		return true
	})
	if means.Kind == IntValues && !means.Signed {
		order = logicalUint
	}
	return order, means
}

// readAnnotation reads the parameters of member id of LogicalType.
func readAnnotation(r *thriftReader, member int16, l *Logical) {
	r.fields(func(id int16, typ byte) bool {
		switch {
		case member == 5 && id == 1 && typ == tI32:
			l.Scale = int(r.int())
		case member == 5 && id == 2 && typ == tI32:
			l.Precision = int(r.int())
		case (member == 7 || member == 8) && id == 1:
			l.UTC = typ == tTrue
			return false
		case (member == 7 || member == 8) && id == 2 && typ == tStruct:
			r.fields(func(unit int16, _ byte) bool {
				l.Unit = int(unit) - 1
				return false
			})
		case member == 10 && id == 1 && typ == tByte:
			l.Bits = int(r.byte())
		case member == 10 && id == 2:
			l.Signed = typ == tTrue
			return false
		default:
			return false
		}
		return true
	})
}

func readColumnOrder(r *thriftReader) (typeDefined bool) {
	r.fields(func(id int16, _ byte) bool {
		typeDefined = typeDefined || id == 1
		return false
	})
	return typeDefined
}

func readKeyValue(r *thriftReader, kv map[string]string) {
	var k, v string
	r.fields(func(id int16, typ byte) bool {
		switch {
		case id == 1 && typ == tBinary:
			k = string(r.binary())
		case id == 2 && typ == tBinary:
			v = string(r.binary())
		default:
			return false
		}
		return true
	})
	if _, dup := kv[k]; !dup {
		kv[k] = v
	}
}

func readGroup(r *thriftReader) groupMeta {
	g := groupMeta{rows: -1}
	r.fields(func(id int16, typ byte) bool {
		switch {
		case id == 1 && typ == tList:
			r.each(func(_, n int) { g.chunks = append(g.chunks, readChunk(r)) })
		case id == 2 && typ == tI64:
			g.bytes = r.int()
		case id == 3 && typ == tI64:
			g.rows = r.int()
		default:
			return false
		}
		return true
	})
	return g
}

func readChunk(r *thriftReader) chunkMeta {
	var c chunkMeta
	r.fields(func(id int16, typ byte) bool {
		switch {
		case id == 1 && typ == tBinary:
			c.elsewhere = len(r.binary()) > 0
		case id == 3 && typ == tStruct:
			c.hasMeta = true
			readChunkMeta(r, &c)
		case id == 4 && typ == tI64:
			c.offsets.At = r.int()
		case id == 5 && typ == tI32:
			c.offsets.Len = r.int()
		case id == 6 && typ == tI64:
			c.columns.At = r.int()
		case id == 7 && typ == tI32:
			c.columns.Len = r.int()
		case id == 8:
			c.crypto = true
			return false
		default:
			return false
		}
		return true
	})
	return c
}

func readChunkMeta(r *thriftReader, c *chunkMeta) {
	r.fields(func(id int16, typ byte) bool {
		switch {
		case id == 1 && typ == tI32:
			c.typ, c.hasType = r.int(), true
		case id == 2 && typ == tList:
			t, n := r.list()
			for i := 0; i < n && r.err == nil; i++ {
				if t != tI32 {
					r.fail("encodings are not a list of numbers")
				}
				c.encodings = append(c.encodings, r.int())
			}
		case id == 4 && typ == tI32:
			c.codec, c.hasCodec = r.int(), true
		case id == 5 && typ == tI64:
			c.values, c.hasCount = r.int(), true
		case id == 6 && typ == tI64:
			c.uncompressed = r.int()
		case id == 7 && typ == tI64:
			c.compressed = r.int()
		case id == 9 && typ == tI64:
			c.dataOffset = r.int()
		case id == 11 && typ == tI64:
			c.dictOffset = r.int()
		case id == 12 && typ == tStruct:
			c.hasStats = true
			readStats(r, &c.stats)
		case id == 14 && typ == tI64:
			c.bloom.At = r.int()
		case id == 15 && typ == tI32:
			c.bloom.Len = r.int()
		default:
			return false
		}
		return true
	})
}

func readStats(r *thriftReader, s *rawStats) {
	r.fields(func(id int16, typ byte) bool {
		switch {
		case id == 1 && typ == tBinary:
			s.oldMax = r.binary()
		case id == 2 && typ == tBinary:
			s.oldMin = r.binary()
		case id == 3 && typ == tI64:
			s.nulls, s.hasNulls = r.int(), true
		case id == 5 && typ == tBinary:
			s.max = r.binary()
		case id == 6 && typ == tBinary:
			s.min = r.binary()
		default:
			return false
		}
		return true
	})
}

// buildLeaves turns the flattened schema into columns with their levels.
func (f *footer) buildLeaves() error {
	if len(f.elems) == 0 {
		return corrupt("the footer has no schema")
	}
	root := f.elems[0]
	if root.typ >= 0 || root.children <= 0 {
		return corrupt("the schema has no columns")
	}
	next := 1
	for i := int64(0); i < root.children; i++ {
		var n Node
		var err error
		if n, next, err = f.addNode(next, int(i), nil, 0, 0); err != nil {
			return err
		}
		f.tree = append(f.tree, n)
	}
	if next != len(f.elems) {
		return corrupt("the schema has %d elements, its tree uses %d", len(f.elems), next)
	}
	return nil
}

// A Node is a field of the schema: a group, or a column.
type Node struct {
	Name               string
	Optional, Repeated bool
	Logical            Logical
	Def, Rep           int // levels of a value that is there
	Leaf               int // -1 for a group
	Kids               []Node
}

func (f *footer) addNode(i, field int, path []string, def, rep int) (n Node, next int, err error) {
	if i >= len(f.elems) {
		return n, 0, corrupt("the schema tree has more nodes than its %d elements", len(f.elems))
	}
	if len(path) >= maxSchemaDepth {
		return n, 0, overLimit("the schema nests deeper than %d", maxSchemaDepth)
	}
	e := f.elems[i]
	path = append(path[:len(path):len(path)], e.name)
	switch e.repetition {
	case 0:
	case 1:
		def++
	case 2:
		def++
		rep++
	default:
		return n, 0, corrupt("column %s has repetition %d", strings.Join(path, "."), e.repetition)
	}
	n = Node{Name: e.name, Optional: e.repetition == 1, Repeated: e.repetition == 2, Logical: e.means, Def: def, Rep: rep, Leaf: -1}
	if e.typ < 0 {
		if e.children < 0 || e.children > int64(len(f.elems)-i) {
			return n, 0, corrupt("group %s has %d children", strings.Join(path, "."), e.children)
		}
		if e.children == 0 {
			return n, 0, unsupported("group %s has no columns", strings.Join(path, "."))
		}
		next = i + 1
		for c := int64(0); c < e.children; c++ {
			var kid Node
			if kid, next, err = f.addNode(next, field, path, def, rep); err != nil {
				return n, 0, err
			}
			n.Kids = append(n.Kids, kid)
		}
		return n, next, nil
	}
	l := leaf{typ: e.typ, typeLen: e.typeLen, logical: e.logical}
	l.Path, l.Name, l.Field, l.Logical = strings.Join(path, "."), path[0], field, e.means
	l.MaxDef, l.MaxRep = def, rep
	if e.children != 0 {
		return n, 0, corrupt("column %s has a type and %d children", l.Path, e.children)
	}
	if e.typ > physFixed {
		return n, 0, corrupt("column %s has unknown physical type %d", l.Path, e.typ)
	}
	if e.typ == physFixed && (e.typeLen <= 0 || e.typeLen > 1<<24) {
		return n, 0, corrupt("column %s has fixed length %d", l.Path, e.typeLen)
	}
	l.Physical, l.Length = Physical(e.typ), int(e.typeLen)
	l.Nested = len(path) > 1 || rep > 0
	n.Leaf = len(f.leaves)
	f.leaves = append(f.leaves, l)
	return n, i + 1, nil
}

// checkGroups holds what the reader relies on: chunks match the schema, lie in the file and do not add up
// to more than the file, so that reading all of them cannot allocate more than its size.
func (f *footer) checkGroups(size int64) error {
	var sum, rows int64
	for g := range f.groups {
		rg := &f.groups[g]
		if rg.rows < 0 || rg.rows > math.MaxInt64-rows {
			return corrupt("row group %d says %d rows after %d", g, rg.rows, rows)
		}
		rows += rg.rows
		if len(rg.chunks) != len(f.leaves) {
			return corrupt("row group %d has %d column chunks, the schema %d columns", g, len(rg.chunks), len(f.leaves))
		}
		for c := range rg.chunks {
			if err := f.checkChunk(&rg.chunks[c], c, rg.rows, size); err != nil {
				return &Error{RowGroup: g, Column: f.leaves[c].Path, Err: err}
			}
			if sum += rg.chunks[c].compressed; sum > size {
				return corrupt("the column chunks up to row group %d add up to more than the file's %d bytes", g, size)
			}
		}
	}
	f.rows = rows
	return nil
}

func (f *footer) checkChunk(c *chunkMeta, col int, rows, size int64) error {
	l := &f.leaves[col]
	switch {
	case c.crypto:
		return unsupported("the column is encrypted")
	case c.elsewhere:
		return unsupported("the column chunk is in another file")
	case !c.hasMeta || !c.hasType || !c.hasCodec || !c.hasCount:
		return corrupt("the column chunk has no metadata")
	case c.typ != l.typ:
		return corrupt("the chunk has physical type %d, the schema says %s", c.typ, l.Physical)
	case c.values < 0 || c.values < rows && l.MaxRep > 0 || c.values != rows && l.MaxRep == 0:
		return corrupt("the chunk has %d values for %d rows", c.values, rows)
	case c.compressed < 0 || c.uncompressed < 0:
		return corrupt("the chunk has negative size (%d bytes, %d uncompressed)", c.compressed, c.uncompressed)
	case c.start() < 0 || c.start() > size || c.compressed > size-c.start():
		return corrupt("the chunk at byte %d of %d bytes lies outside the file of %d bytes", c.start(), c.compressed, size)
	}
	return nil
}

// start is the first byte of the chunk: the dictionary page where there is one. Some writers set its offset
// to zero instead of leaving it out.
func (c *chunkMeta) start() int64 {
	if c.dictOffset > 0 && c.dictOffset < c.dataOffset {
		return c.dictOffset
	}
	return c.dataOffset
}

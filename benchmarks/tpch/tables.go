package tpch

import (
	"fmt"
	"strconv"

	"github.com/weft-data/weft/dtype"
)

// A Column of a table. Its values are made as integers; Append writes one as it stands
// in a file of delimited text, and Type is what it is read as.
type Column struct {
	Name   string
	Type   dtype.Type
	Append func(b []byte, v int64) []byte
}

// A Table makes its rows in order.
type Table struct {
	Name string
	Cols []Column
	Rows int
	// Fill makes the next n rows, column by column.
	Fill func(dst [][]int64, n int)
}

// step is what the number of orders is a multiple of: then all tables are whole.
const step = 1500

// Smallest is the least number of orders, ScaleOne that of scale factor 1.
const (
	Smallest = step
	ScaleOne = 1000 * step
)

// New returns the eight tables around a number of orders, a multiple of 1500. They are
// made when they are filled; text is shared by them and takes 300 MiB.
func New(orders int) ([]*Table, error) {
	if orders < step || orders%step != 0 {
		return nil, fmt.Errorf("tpch: %d orders: want a multiple of %d, which is a scale factor in thousandths", orders, step)
	}
	m := &maker{orders: int64(orders), parts: int64(orders) * 2 / 15, suppliers: int64(orders) / 150, customers: int64(orders) / 10}
	return []*Table{m.region(), m.nation(), m.supplier(), m.part(), m.partSupplier(), m.customer(), m.order(), m.lines()}, nil
}

// A maker has the sizes of the tables.
type maker struct {
	orders, parts, suppliers, customers int64
	text                                []byte
}

// Kinds of columns.
func integer(name string) Column {
	return Column{name, dtype.Of(dtype.Int32), func(b []byte, v int64) []byte { return strconv.AppendInt(b, v, 10) }}
}

func key(name string) Column {
	c := integer(name)
	c.Type = dtype.Of(dtype.Int64)
	return c
}

// money has two decimals.
func money(name string) Column {
	return Column{name, dtype.Of(dtype.Float64), func(b []byte, v int64) []byte {
		if v < 0 {
			b, v = append(b, '-'), -v
		}
		return appendPadded(append(strconv.AppendInt(b, v/100, 10), '.'), v%100, 2)
	}}
}

func text(name string, app func(b []byte, v int64) []byte) Column {
	return Column{name, dtype.Of(dtype.Utf8), app}
}

// numbered is a name with the row's number, such as Customer#000000042.
func numbered(name, what string) Column {
	return text(name, func(b []byte, v int64) []byte { return appendPadded(append(append(b, what...), '#'), v, 9) })
}

func oneOf(name string, a *alphabet) Column { return text(name, a.append) }

func (m *maker) comment(name string) Column {
	return text(name, func(b []byte, v int64) []byte { return append(b, m.piece(v)...) })
}

// piece is what comment drew.
func (m *maker) piece(v int64) []byte { return m.text[v>>8 : v>>8+v&0xFF] }

// table makes a table whose rows are drawn one by one.
func (m *maker) table(name string, rows int64, draw func(row []int64), cols ...Column) *Table {
	row := make([]int64, len(cols))
	return &Table{Name: name, Cols: cols, Rows: int(rows), Fill: func(dst [][]int64, n int) {
		if m.text == nil {
			m.text = pool()
		}
		for i := range n {
			draw(row)
			for c, v := range row {
				dst[c][i] = v
			}
		}
	}}
}

// endRow ends a row of every stream.
func endRow(streams ...*stream) {
	for _, s := range streams {
		s.endRow()
	}
}

func (m *maker) region() *Table {
	words, at := newStream(1500869201, 2), int64(0)
	return m.table("region", int64(len(regions.words)), func(row []int64) {
		row[0], row[1], row[2] = at, at, words.comment(72)
		at++
	}, integer("r_regionkey"), oneOf("r_name", regions), m.comment("r_comment"))
}

func (m *maker) nation() *Table {
	words, at := newStream(606179079, 2), int64(0)
	return m.table("nation", int64(len(nations.words)), func(row []int64) {
		row[0], row[1], row[2], row[3] = at, at, regionOf[at], words.comment(72)
		at++
	}, integer("n_nationkey"), oneOf("n_name", nations), integer("n_regionkey"), m.comment("n_comment"))
}

// What some suppliers' comments say, with words of the pool between the two parts.
const (
	customer    = "Customer "
	complaints  = "Complaints"
	recommends  = "Recommends"
	sayings     = len(customer) + len(complaints)
	sayingIn    = 10_000 // ten suppliers of so many
	sayingCount = 10
)

// supplier has comments of which ten in ten thousand recommend or complain.
func (m *maker) supplier() *Table {
	address, nation, phone, balance := newStream(706178559, addressDraws), newStream(110356601, 1), newStream(884434366, 3), newStream(962338209, 1)
	words, saying, gap, at, kind := newStream(1341315363, 2), newStream(202794285, 1), newStream(263032577, 1), newStream(715851524, 1), newStream(753643799, 1)
	id := int64(0)
	return m.table("supplier", m.suppliers, func(row []int64) {
		id++
		v := words.comment(63)
		if saying.between(1, sayingIn) <= sayingCount {
			room := v&0xFF - int64(sayings)
			apart := gap.between(0, room)
			before := at.between(0, room-apart)
			v |= 1<<62 | apart<<40 | before<<48
			if kind.between(0, 100) < 50 {
				v |= 1 << 61
			}
		}
		row[0], row[1], row[2], row[3] = id, id, address.address(25), nation.between(0, 24)
		row[4], row[5], row[6] = phone.phone(row[3]), balance.between(-99999, 999999), v
		endRow(&address, &nation, &phone, &balance, &words, &saying, &gap, &at, &kind)
	}, key("s_suppkey"), numbered("s_name", "Supplier"), text("s_address", appendAddress), integer("s_nationkey"),
		text("s_phone", appendPhone), money("s_acctbal"), text("s_comment", m.appendSaying))
}

// appendSaying appends a supplier's comment: the place in the pool below bit 40, and of
// those that say something the words between and before it above.
func (m *maker) appendSaying(b []byte, v int64) []byte {
	start := len(b)
	b = append(b, m.piece(v&(1<<40-1))...)
	if v>>62&1 == 0 {
		return b
	}
	at := start + int(v>>48&0xFF)
	at += copy(b[at:], customer) + int(v>>40&0xFF)
	if v>>61&1 != 0 {
		copy(b[at:], complaints)
	} else {
		copy(b[at:], recommends)
	}
	return b
}

// price is the retail price of a part in cents.
func price(part int64) int64 { return 90_000 + part/10%20_001 + part%1000*100 }

// partWords is how many colors a part's name has.
const partWords = 5

func (m *maker) part() *Table {
	name, maker, brand, kind := newStream(709314158, int64(len(colors.words))), newStream(1, 1), newStream(46831694, 1), newStream(1841581359, 1)
	size, box, words := newStream(1193163244, 1), newStream(727633698, 1), newStream(804159733, 2)
	id, order := int64(0), make([]int64, len(colors.words))
	return m.table("part", m.parts, func(row []int64) {
		id++
		for i := range order {
			order[i] = int64(i)
		}
		names := int64(0)
		for i := range partWords {
			k := name.between(int64(i), int64(len(order)-1))
			order[i], order[k] = order[k], order[i]
			names = names<<8 | order[i]
		}
		made := maker.between(1, 5)
		row[0], row[1], row[2], row[3], row[4] = id, names, made, made*10+brand.between(1, 5), partTypes.draw(&kind)
		row[5], row[6], row[7], row[8] = size.between(1, 50), containers.draw(&box), price(id), words.comment(14)
		endRow(&name, &maker, &brand, &kind, &size, &box, &words)
	}, key("p_partkey"), text("p_name", appendColors), prefixed("p_mfgr", "Manufacturer#"), prefixed("p_brand", "Brand#"),
		oneOf("p_type", partTypes), integer("p_size"), oneOf("p_container", containers), money("p_retailprice"), m.comment("p_comment"))
}

func prefixed(name, prefix string) Column {
	return text(name, func(b []byte, v int64) []byte { return strconv.AppendInt(append(b, prefix...), v, 10) })
}

func appendColors(b []byte, v int64) []byte {
	for i := partWords - 1; i >= 0; i-- {
		b = append(colors.append(b, v>>(8*i)&0xFF), ' ')
	}
	return b[:len(b)-1]
}

// perPart is how many suppliers have a part.
const perPart = 4

// supplierOf is the i-th of them.
func (m *maker) supplierOf(part, i int64) int64 {
	return (part+i*(m.suppliers/perPart+(part-1)/m.suppliers))%m.suppliers + 1
}

func (m *maker) partSupplier() *Table {
	quantity, cost, words := newStream(1671059989, perPart), newStream(1051288424, perPart), newStream(1961692154, 2*perPart)
	part, i := int64(1), int64(0)
	return m.table("partsupp", m.parts*perPart, func(row []int64) {
		row[0], row[1], row[2], row[3], row[4] = part, m.supplierOf(part, i), quantity.between(1, 9999), cost.between(100, 100_000), words.comment(124)
		if i++; i == perPart {
			part, i = part+1, 0
			endRow(&quantity, &cost, &words)
		}
	}, key("ps_partkey"), key("ps_suppkey"), integer("ps_availqty"), money("ps_supplycost"), m.comment("ps_comment"))
}

func (m *maker) customer() *Table {
	address, nation, phone := newStream(881155353, addressDraws), newStream(1489529863, 1), newStream(1521138112, 3)
	balance, segment, words := newStream(298370230, 1), newStream(1140279430, 1), newStream(1335826707, 2)
	id := int64(0)
	return m.table("customer", m.customers, func(row []int64) {
		id++
		row[0], row[1], row[2], row[3] = id, id, address.address(25), nation.between(0, 24)
		row[4], row[5], row[6], row[7] = phone.phone(row[3]), balance.between(-99999, 999999), segments.draw(&segment), words.comment(73)
		endRow(&address, &nation, &phone, &balance, &segment, &words)
	}, key("c_custkey"), numbered("c_name", "Customer"), text("c_address", appendAddress), integer("c_nationkey"),
		text("c_phone", appendPhone), money("c_acctbal"), oneOf("c_mktsegment", segments), m.comment("c_comment"))
}

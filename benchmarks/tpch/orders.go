package tpch

import (
	"strconv"

	"github.com/weft-data/weft/dtype"
)

// Dates are days since 1970-01-01.
const (
	firstDay  = 8035 // 1992-01-01
	orderDays = 2557 - 151
	today     = 9298 // 1995-06-17: what was to happen until then has happened
)

// maxLines is how many lines an order can have; their columns own as many numbers of
// each order, drawn or not.
const maxLines = 7

// A dated is the head of orders as orders and lines both draw it.
type dated struct{ day, lines stream }

func newDated() dated { return dated{newStream(1066728069, 1), newStream(1434868289, 1)} }

// next is the day and the number of lines of the next order.
func (d *dated) next() (day, lines int64) {
	return firstDay + d.day.between(0, orderDays-1), d.lines.between(1, maxLines)
}

// A line is what the total of an order needs of its lines.
type line struct{ quantity, discount, tax, part, ship stream }

func newLine() line {
	return line{newStream(209208115, maxLines), newStream(554590007, maxLines), newStream(721958466, maxLines),
		newStream(1808217256, maxLines), newStream(1769349045, maxLines)}
}

// A lineValue is a line drawn: amounts in hundredths, days after the order.
type lineValue struct{ quantity, discount, tax, part, ship int64 }

func (l *line) next(parts int64) lineValue {
	return lineValue{l.quantity.between(1, 50), l.discount.between(0, 10), l.tax.between(0, 8), l.part.between(1, parts), l.ship.between(1, 121)}
}

func (l *line) endRow() { endRow(&l.quantity, &l.discount, &l.tax, &l.part, &l.ship) }

// orderKey leaves out three quarters of the keys: of 32 the first eight are used.
func orderKey(n int64) int64 { return n>>3<<5 | n&7 }

func (m *maker) order() *Table {
	head, lines := newDated(), newLine()
	who, priority, clerk, words := newStream(851767375, 1), newStream(591449447, 1), newStream(1171034773, 1), newStream(276090261, 2)
	clerks := max(1000, m.orders/step)
	id := int64(0)
	return m.table("orders", m.orders, func(row []int64) {
		id++
		day, n := head.next()
		total, shipped := int64(0), int64(0)
		for range n {
			l := lines.next(m.parts)
			total += l.quantity * price(l.part) * (100 - l.discount) / 100 * (100 + l.tax) / 100
			if day+l.ship <= today {
				shipped++
			}
		}
		state := int64('P')
		switch shipped {
		case n:
			state = 'F'
		case 0:
			state = 'O'
		}
		row[0], row[1], row[2], row[3], row[4] = orderKey(id), m.buyer(&who), state, total, day
		row[5], row[6], row[7], row[8] = priorities.draw(&priority), clerk.between(1, clerks), 0, words.comment(49)
		lines.endRow()
		endRow(&head.day, &head.lines, &who, &priority, &clerk, &words)
	}, key("o_orderkey"), key("o_custkey"), text("o_orderstatus", appendLetter), money("o_totalprice"), date("o_orderdate"),
		oneOf("o_orderpriority", priorities), numbered("o_clerk", "Clerk"), integer("o_shippriority"), m.comment("o_comment"))
}

// buyer draws a customer. Each third has no orders: one beside it buys.
func (m *maker) buyer(s *stream) int64 {
	v := s.between(1, m.customers)
	for by := int64(1); v%3 == 0; by = -by {
		v = min(v+by, m.customers)
	}
	return v
}

func appendLetter(b []byte, v int64) []byte { return append(b, byte(v)) }

func date(name string) Column { return Column{name, dtype.Of(dtype.Date), appendDate} }

// appendDate appends a day of the years 1992 to 1998.
func appendDate(b []byte, v int64) []byte {
	v -= firstDay
	year := int64(1992)
	for ; v >= yearDays(year); year++ {
		v -= yearDays(year)
	}
	month := int64(1)
	for ; v >= monthDays(year, month); month++ {
		v -= monthDays(year, month)
	}
	b = append(strconv.AppendInt(b, year, 10), '-')
	return appendPadded(append(appendPadded(b, month, 2), '-'), v+1, 2)
}

func yearDays(year int64) int64 {
	if year%4 == 0 {
		return 366
	}
	return 365
}

func monthDays(year, month int64) int64 {
	if month == 2 {
		return yearDays(year) - 337
	}
	return 30 + (month+month/8)%2
}

// lineCount adds up the lines of all orders.
func (m *maker) lineCount() (n int64) {
	head := newDated()
	for range m.orders {
		_, k := head.next()
		n += k
		endRow(&head.day, &head.lines)
	}
	return n
}

func (m *maker) lines() *Table {
	head, lines := newDated(), newLine()
	from, commit, receipt := newStream(2095021727, maxLines), newStream(904914315, maxLines), newStream(373135028, maxLines)
	flag, how, mode, words := newStream(717419739, maxLines), newStream(1371272478, maxLines), newStream(675466456, maxLines), newStream(1095462486, 2*maxLines)
	id, day, n, i := int64(0), int64(0), int64(0), int64(0)
	return m.table("lineitem", m.lineCount(), func(row []int64) {
		if i == n {
			if id > 0 {
				lines.endRow()
				endRow(&head.day, &head.lines, &from, &commit, &receipt, &flag, &how, &mode, &words)
			}
			id, i = id+1, 0
			day, n = head.next()
		}
		i++
		l := lines.next(m.parts)
		ship := day + l.ship
		row[0], row[1], row[2], row[3] = orderKey(id), l.part, m.supplierOf(l.part, from.between(0, perPart-1)), i
		row[4], row[5], row[6], row[7] = l.quantity*100, l.quantity*price(l.part), l.discount, l.tax
		row[10], row[11], row[12] = ship, day+commit.between(30, 90), ship+receipt.between(1, 30)
		row[8], row[9] = 'N', 'O'
		if row[12] <= today {
			row[8] = int64(flags.word(&flag)[0])
		}
		if ship <= today {
			row[9] = 'F'
		}
		row[13], row[14], row[15] = instructions.draw(&how), modes.draw(&mode), words.comment(27)
	}, key("l_orderkey"), key("l_partkey"), key("l_suppkey"), integer("l_linenumber"), money("l_quantity"), money("l_extendedprice"),
		money("l_discount"), money("l_tax"), text("l_returnflag", appendLetter), text("l_linestatus", appendLetter),
		date("l_shipdate"), date("l_commitdate"), date("l_receiptdate"), oneOf("l_shipinstruct", instructions),
		oneOf("l_shipmode", modes), m.comment("l_comment"))
}

package suite

import (
	"bufio"
	"math"
	"strconv"

	"github.com/weft-data/weft/benchmarks/tpch"
	"github.com/weft-data/weft/dtype"
)

// A form is how the integers of a generated column are shown.
type form uint8

const (
	number form = iota // as they are
	label              // "id" and the number, padded with zeros to the column's width
	micro              // millionths, as a decimal without trailing zeros
	tenth              // tenths, as a decimal with one digit
	named              // position in the column's names
)

// A column of generated data.
type column struct {
	name  string
	form  form
	width int
	names []string
	// write, when set, stands for the form: it appends a value as text, to be read as
	// typ.
	write func(b []byte, v int64) []byte
	typ   dtype.Type
}

// A table is generated data: every column an integer per row, made in order.
type table struct {
	name      string // of its file, without the number of rows
	cols      []column
	rows      int
	delimiter byte
	header    bool
	fill      func(dst [][]int64, n int) // the next n rows, column by column
}

// batchRows is how many rows are made at once.
const batchRows = 1 << 13

// batches makes all rows and hands them out; the slices are reused.
func (t *table) batches(use func(cols [][]int64, n int) error) error {
	dst := make([][]int64, len(t.cols))
	for i := range dst {
		dst[i] = make([]int64, batchRows)
	}
	for done := 0; done < t.rows; {
		n := min(batchRows, t.rows-done)
		t.fill(dst, n)
		if err := use(dst, n); err != nil {
			return err
		}
		done += n
	}
	return nil
}

// g1 is the group-by table of the h2o.ai database benchmark: k groups in the
// small keys, rows/k in the large ones.
func g1(rows, k int) *table {
	r, many := newRandom(108), max(1, rows/k)
	limits := []int{k, k, many, k, k, many, 5, 15}
	return &table{
		name: "g1", rows: rows, delimiter: ',', header: true,
		cols: []column{{name: "id1", form: label, width: 3}, {name: "id2", form: label, width: 3}, {name: "id3", form: label, width: 10},
			{name: "id4"}, {name: "id5"}, {name: "id6"}, {name: "v1"}, {name: "v2"}, {name: "v3", form: micro}},
		fill: func(dst [][]int64, n int) {
			for i := range n {
				for c, limit := range limits {
					dst[c][i] = r.below(limit) + 1
				}
				dst[8][i] = r.micros()
			}
		},
	}
}

// joinTables calls use for the four join tables of the h2o.ai database benchmark:
// x, small (a millionth of its rows), medium (a thousandth) and big (as many). Of
// the keys of either side 90 % occur on the other. Below a million rows small has
// ten rows, and below ten thousand medium has.
func joinTables(rows int, use func(*table) error) error {
	r := newRandom(108)
	small, medium := rows/1_000_000, rows/1000
	if rows < 1_000_000 {
		small, medium = 10, max(10, medium)
	}
	sizes := []int{small, medium, rows}
	var left, right [3][]int32
	for i, n := range sizes {
		left[i], right[i] = overlapping(r, n)
	}
	for i, name := range []string{"x", "small", "medium", "big"} {
		t := joinTable(r, name, append([]int{rows}, sizes...)[i], [][][]int32{left[:], right[:1], right[:2], right[:]}[i])
		made := false
		if err := use(&table{name: t.name, cols: t.cols, rows: t.rows, delimiter: t.delimiter, header: t.header,
			fill: func(dst [][]int64, n int) { made = true; t.fill(dst, n) }}); err != nil {
			return err
		}
		if !made { // the next table's numbers come after this one's
			for range t.rows {
				r.micros()
			}
		}
	}
	return nil
}

// joinTable has an integer and a text column for each set of keys, and a value.
func joinTable(r *random, name string, rows int, keys [][]int32) *table {
	t := &table{name: "j1_" + name, rows: rows, delimiter: ',', header: true}
	ids := make([][]int32, len(keys))
	for i := range keys {
		ids[i] = sample(r, keys[i], rows)
		t.cols = append(t.cols, column{name: "id" + strconv.Itoa(i+1)})
	}
	for i := range keys {
		t.cols = append(t.cols, column{name: "id" + strconv.Itoa(i+4), form: label})
	}
	value := map[bool]string{true: "v1", false: "v2"}[name == "x"]
	t.cols = append(t.cols, column{name: value, form: micro})
	at, k := 0, len(ids)
	t.fill = func(dst [][]int64, n int) {
		for i := range n {
			for c, id := range ids {
				v := int64(id[at])
				dst[c][i], dst[k+c][i] = v, v
			}
			dst[2*k][i] = r.micros()
			at++
		}
	}
	return t
}

// overlapping draws two sets of n keys of which 90 % are the same.
func overlapping(r *random, n int) (left, right []int32) {
	k := make([]int32, int(math.Round(float64(n)*1.1)))
	for i := range k {
		k[i] = int32(i + 1)
	}
	r.shuffle(k)
	both := int(math.Round(float64(n) * 0.9))
	return k[:n:n], append(append([]int32(nil), k[:both]...), k[n:]...)
}

// sample has every key once, the rest drawn again, in random order. Of more keys
// than there are rows the first are taken.
func sample(r *random, keys []int32, rows int) []int32 {
	out := make([]int32, rows)
	for i := copy(out, keys); i < rows; i++ {
		out[i] = keys[r.below(len(keys))]
	}
	r.shuffle(out)
	return out
}

// stations is how many names the temperature file has.
const stations = 413

// brc is a file like that of the one billion row challenge: a station's name and
// a temperature with one decimal.
func brc(rows int) *table {
	r := newRandom(1)
	names := stationNames(r)
	mean := make([]float64, stations)
	for i := range mean {
		mean[i] = r.unit()*45 - 12
	}
	return &table{
		name: "brc", rows: rows, delimiter: ';',
		cols: []column{{name: "station", form: named, names: names}, {name: "temperature", form: tenth}},
		fill: func(dst [][]int64, n int) {
			for i := range n {
				k := r.below(stations)
				// four uniform numbers are near enough to a normal one with deviation 10
				g := (r.unit() + r.unit() + r.unit() + r.unit() - 2) * math.Sqrt(3) * 10
				dst[0][i], dst[1][i] = k, int64(math.Round((mean[k]+g)*10))
			}
		},
	}
}

// stationNames are 3 to 26 bytes long, some of them not ASCII.
func stationNames(r *random) []string {
	syllables := []string{"ka", "lo", "mi", "zer", "tan", "bu", "ria", "São ", "port", "vil", "nor", "gra", "el", "Ås", "ton", "ö", "qua", "den"}
	var names []string
	seen := map[string]bool{}
	for len(names) < stations {
		s := ""
		for range 1 + r.below(5) {
			s += syllables[r.below(len(syllables))]
		}
		s = string(rune('A'+r.below(26))) + s
		if len(s) < 3 || len(s) > 26 || seen[s] || s[len(s)-1] == ' ' {
			continue
		}
		seen[s] = true
		names = append(names, s)
	}
	return names
}

// trade calls use for the eight tables of TPC-H.
func trade(orders int, use func(*table) error) error {
	all, err := tpch.New(orders)
	if err != nil {
		return err
	}
	for _, t := range all {
		if err := use(tradeTable(t)); err != nil {
			return err
		}
	}
	return nil
}

// tradeTable is a table of TPC-H as the suite has it. The delimiter stands in no text.
func tradeTable(t *tpch.Table) *table {
	out := &table{name: "tpch_" + t.Name, rows: t.Rows, delimiter: '|', header: true, fill: t.Fill}
	for _, c := range t.Cols {
		out.cols = append(out.cols, column{name: c.Name, write: c.Append, typ: c.Type})
	}
	return out
}

// writeText writes the table as delimited text.
func (t *table) writeText(w *bufio.Writer) error {
	var b []byte
	if t.header {
		for i, c := range t.cols {
			if i > 0 {
				b = append(b, t.delimiter)
			}
			b = append(b, c.name...)
		}
		b = append(b, '\n')
	}
	if _, err := w.Write(b); err != nil {
		return err
	}
	return t.batches(func(cols [][]int64, n int) error {
		b = b[:0]
		for i := range n {
			for c := range cols {
				b = append(t.cols[c].appendText(b, cols[c][i]), t.delimiter)
			}
			b[len(b)-1] = '\n'
		}
		_, err := w.Write(b)
		return err
	})
}

// appendText appends a value as it stands in the file.
func (c *column) appendText(b []byte, v int64) []byte {
	if c.write != nil {
		return c.write(b, v)
	}
	switch c.form {
	case label:
		return appendLabel(b, v, c.width)
	case named:
		return append(b, c.names[v]...)
	case tenth:
		if v < 0 {
			b, v = append(b, '-'), -v
		}
		return append(strconv.AppendInt(b, v/10, 10), '.', byte('0'+v%10))
	case micro:
		b = strconv.AppendInt(b, v/1_000_000, 10)
		if v %= 1_000_000; v > 0 {
			b = append(b, '.')
		}
		for d := int64(100_000); v > 0; d /= 10 {
			b = append(b, byte('0'+v/d))
			v %= d
		}
		return b
	}
	return strconv.AppendInt(b, v, 10)
}

func appendLabel(b []byte, v int64, width int) []byte {
	b = append(b, 'i', 'd')
	for limit, digits := int64(10), 1; digits < width; limit, digits = limit*10, digits+1 {
		if v < limit {
			b = append(b, '0')
		}
	}
	return strconv.AppendInt(b, v, 10)
}

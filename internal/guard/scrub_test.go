package guard

import (
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// TestScrub holds that what is scrubbed is equal to what was there, of every type and after every cut, and that it is
// scrubbed no second time.
func TestScrub(t *testing.T) {
	for _, n := range []int64{1, 7, 8, 65, 300} {
		for _, views := range []bool{false, true} {
			rec := seedRecord(t, 300, true, views)
			for c, a := range rec.NewSlice(300-n, 300).Columns() {
				based, err := Rebase(a)
				if err != nil {
					t.Fatal(err)
				}
				once := scrub(based)
				if err := Validate(once); err != nil || !array.Equal(once, a) {
					t.Errorf("%d rows of %s: %v\n%v\n%v", n, rec.ColumnName(c), err, once, a)
				}
				if twice := scrub(once); twice != once {
					t.Errorf("%d rows of %s are scrubbed twice", n, rec.ColumnName(c))
				}
			}
		}
	}
}

// TestScrubLists has elements under a null list, and values under a null of a dictionary and of lists of a fixed size.
func TestScrubLists(t *testing.T) {
	words := func(x ...int32) *memory.Buffer { return memory.NewBufferBytes(arrow.GetBytes(x)) }
	nulls := memory.NewBufferBytes([]byte{0b11111101}) // of two slots the second
	ints := func(x ...int32) arrow.ArrayData {
		return array.NewData(arrow.PrimitiveTypes.Int32, len(x), []*memory.Buffer{nil, words(x...)}, nil, 0, 0)
	}
	list := scrub(array.MakeFromData(array.NewData(arrow.ListOf(arrow.PrimitiveTypes.Int32), 2, []*memory.Buffer{nulls, words(0, 1, 3, 9)}, []arrow.ArrayData{ints(1, 2, 3)}, 1, 0))).Data()
	fixed := scrub(array.MakeFromData(array.NewData(arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int32), 2, []*memory.Buffer{nulls}, []arrow.ArrayData{ints(1, 2, 3, 4)}, 1, 0))).Data()
	dict := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.PrimitiveTypes.Int32}
	coded := scrub(array.NewDictionaryData(array.NewDataWithDictionary(dict, 2, []*memory.Buffer{nulls, words(1, 1, 7)}, 1, 0, ints(5, 6).(*array.Data)))).Data()
	for name, c := range map[string]struct {
		d    arrow.ArrayData
		want []int32
	}{"list": {list.Children()[0], []int32{1, 0, 0}}, "fixed": {fixed.Children()[0], []int32{1, 2, 0, 0}}, "dictionary": {coded, []int32{1, 0}}} {
		if got := c.d.Buffers()[1].Bytes(); string(got) != string(arrow.GetBytes(c.want)) {
			t.Errorf("%s: %x, want %v", name, got, c.want)
		}
	}
	for _, d := range []arrow.ArrayData{list, fixed, coded} {
		if got := d.Buffers()[0].Bytes(); string(got) != "\x01" {
			t.Errorf("%s: validity %x", d.DataType(), got)
		}
	}
}

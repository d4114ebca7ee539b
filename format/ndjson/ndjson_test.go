package ndjson_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/sched/local"
)

func runner(t testing.TB, threads int) graph.Runner {
	r := local.New(local.Options{Threads: threads, Memory: 128 << 20})
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func saved(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func table(t testing.TB, f *frame.Frame, threads int) *frame.Table {
	t.Helper()
	tab, err := f.Collect(context.Background(), runner(t, threads))
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func rows(tab *frame.Table) string {
	var b strings.Builder
	for i := range int(tab.NumRows()) {
		for c := range tab.Schema {
			fmt.Fprint(&b, cell(tab, i, c), "|")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestRules states the types of columns, one case each, and the values.
func TestRules(t *testing.T) {
	for name, c := range map[string]struct{ text, schema, rows string }{
		"kinds":            {`{"b":true,"i":1,"f":1.5,"s":"x","n":null}` + "\n" + `{"b":false,"i":-2,"f":2,"s":"","n":null}`, "b bool?, i int64?, f float64?, s utf8?, n null?", "true|1|1.5|x|(null)|\nfalse|-2|2||(null)|\n"},
		"missing":          {`{"a":1}` + "\n\n" + `{"b":2}` + "\n", "a int64?, b int64?", "1|<nil>|\n<nil>|2|\n"},
		"mixed":            {`[{"a":"x"},{"a":300},{"a":true},{"a":null},{"a":[1, "y"]},{"a":{"k": 1.0}}]`, "a utf8?", "x|\n300|\ntrue|\n<nil>|\n" + `[1, "y"]` + "|\n" + `{"k": 1.0}` + "|\n"},
		"too large":        {`{"a":1}` + "\n" + `{"a":18446744073709551616}`, "a float64?", "1|\n1.8446744073709552e+19|\n"},
		"unsigned":         {`{"a":1}` + "\n" + `{"a":18446744073709551615}`, "a uint64?", "1|\n18446744073709551615|\n"},
		"unsigned nulls":   {`{"a":null}` + "\n" + `{"a":9223372036854775808}` + "\n{}\n", "a uint64?", "<nil>|\n9223372036854775808|\n<nil>|\n"},
		"unsigned inside":  {`{"a":[{"b":9223372036854775808}]}`, "a list(struct(b uint64))?", `[{"b":9223372036854775808}]` + "|\n"},
		"signed and large": {`{"a":-1}` + "\n" + `{"a":18446744073709551615}`, "a float64?", "-1|\n1.8446744073709552e+19|\n"},
		"exponent":         {`{"a":1}` + "\n" + `{"a":1E2}`, "a float64?", "1|\n100|\n"},
		"escapes":          {`{"a\u0041":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\ud83d"}`, "aA utf8?", "\"\\/\b\f\n\r\té😀\uFFFD|\n"},
		"lists":            {`{"l":[1,null,2.5]}` + "\n" + `{"l":[]}` + "\n" + `{"l":null}`, "l list(float64)?", "[1,null,2.5]|\n[]|\n<nil>|\n"},
		"mixed list":       {`{"l":[1,"x"]}`, "l list(utf8)?", `["1","x"]` + "|\n"},
		"empty object":     {`{"o":{}}`, "o utf8?", "{}|\n"},
		"mark":             {"\xef\xbb\xbf{\"a\":1}\n", "a int64?", "1|\n"},
		"crlf":             {"{\"a\":1}\r\n{\"a\":2}\r\n", "a int64?", "1|\n2|\n"},
		"array over lines": {"[\n {\"a\": 1 } ,\n\n {\"a\":\n2}\n]\n", "a int64?", "1|\n2|\n"},
		"empty array":      {`[{"a":1}]`, "a int64?", "1|\n"},
	} {
		tab := table(t, frame.ReadJSON(saved(t, "x.json", c.text)), 1)
		if tab.Schema.String() != c.schema {
			t.Errorf("%s: %s, want %s", name, tab.Schema, c.schema)
		}
		if got := rows(tab); got != c.rows {
			t.Errorf("%s: %q, want %q", name, got, c.rows)
		}
	}
	tab := table(t, frame.ReadJSON(saved(t, "x.json", `{"s":{"x":1,"y":[{"z":"a"}]}}`+"\n"+`{"s":{"y":[]}}`+"\n"+`{"s":null}`)), 1)
	if got := tab.Schema.String(); got != "s struct(x int64, y list(struct(z utf8)))?" {
		t.Errorf("structs: %s", got)
	}
	if got, want := rows(tab), `{"x":1,"y":[{"z":"a"}]}`+"|\n"+`{"x":null,"y":[]}`+"|\n<nil>|\n"; got != want {
		t.Errorf("structs: %s, want %s", got, want)
	}
}

// TestMovies holds the rule for mixed types on a real file against encoding/json: Title and others have numbers
// among strings.
func TestMovies(t *testing.T) {
	path := filepath.Join("..", "..", "..", "shared", "data", "vega", "movies.json")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Skip("../shared/data/vega is not there")
	}
	var want []map[string]json.RawMessage
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	types := map[string]dtype.Kind{}
	for _, r := range want {
		for k, v := range r {
			kind := dtype.Int64
			switch {
			case string(v) == "null":
				continue
			case v[0] == '"':
				kind = dtype.Utf8
			case bytes.ContainsAny(v, ".eE"):
				kind = dtype.Float64
			}
			if have, ok := types[k]; !ok || have != dtype.Utf8 && kind != dtype.Int64 {
				types[k] = kind
			}
		}
	}
	tab := table(t, frame.ReadJSON(path), 2)
	if int(tab.NumRows()) != len(want) || len(tab.Schema) != len(types) {
		t.Fatalf("%d rows of %d columns, want %d of %d", tab.NumRows(), len(tab.Schema), len(want), len(types))
	}
	mixed := 0
	for c, f := range tab.Schema {
		if f.Type.Kind != types[f.Name] {
			t.Errorf("%s, want %s", f, types[f.Name])
		}
		for i, r := range want {
			v, got := r[f.Name], tab.Value(i, c)
			text := string(v)
			if v[0] == '"' {
				if err := json.Unmarshal(v, &text); err != nil {
					t.Fatal(err)
				}
			} else if f.Type.Kind == dtype.Utf8 && text != "null" {
				mixed++
			}
			if text == "null" {
				text = "<nil>"
			} else if f.Type.Kind == dtype.Float64 {
				var x float64
				if err := json.Unmarshal(v, &x); err != nil {
					t.Fatal(err)
				}
				text = fmt.Sprint(x)
			}
			if fmt.Sprint(got) != text {
				t.Fatalf("row %d, %s: %v, want %s", i, f.Name, got, text)
			}
		}
	}
	if mixed == 0 {
		t.Error("the file has no column of mixed types any more")
	}
}

// TestSplits reads a file of several splits with one thread and two, and compressed, with records across borders.
func TestSplits(t *testing.T) {
	var b strings.Builder
	for i := range 30000 {
		fmt.Fprintf(&b, `{"id":%d,"text":"%s","v":%d.5}`+"\n", i, strings.Repeat("é", i%97), i%1000)
	}
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write([]byte(b.String())); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	array := "[" + strings.ReplaceAll(strings.TrimSpace(b.String()), "\n", ",") + "]"
	want := ""
	for _, path := range []string{saved(t, "x.ndjson", b.String()), saved(t, "x.json", array), saved(t, "x.ndjson.gz", z.String())} {
		for threads := 1; threads <= 2; threads++ {
			got := rows(table(t, frame.ReadJSON(path).Sort("id"), threads))
			if want == "" {
				want = got
			}
			if got != want || strings.Count(got, "\n") != 30000 {
				t.Errorf("%s with %d threads: %d rows, differs", path, threads, strings.Count(got, "\n"))
			}
		}
		if got := rows(table(t, frame.ReadJSON(path).Select("v").Head(3), 2)); got != "0.5|\n1.5|\n2.5|\n" {
			t.Errorf("%s: %q", path, got)
		}
	}
}

// TestErrors holds that mistakes name file and line and what would help.
func TestErrors(t *testing.T) {
	good := strings.Repeat(`{"a":1}`+"\n", 60000)
	whole := dtype.Of(dtype.Int64)
	inner := frame.JSONOptions{SampleBytes: 1000, Types: map[string]dtype.Type{
		"p": dtype.StructOf(dtype.Schema{{Name: "q", Type: dtype.ListOf(dtype.ListOf(whole))}}),
		"r": dtype.ListOf(dtype.StructOf(dtype.Schema{{Name: "s", Type: whole}})),
		"":  dtype.StructOf(dtype.Schema{{Name: "t", Type: dtype.Of(dtype.Utf8)}}),
	}}
	for name, c := range map[string]struct {
		text, want string
		o          frame.JSONOptions
	}{
		"no object":   {"{\"a\":1}\n7\n", `x.json:2: "7" is no object`, frame.JSONOptions{}},
		"cut":         {"{\"a\":1}\n{\"a\":", `x.json:2: the text ends inside of a value`, frame.JSONOptions{}},
		"cut array":   {"[{\"a\":1},\n", `x.json:1: the text ends inside of a value`, frame.JSONOptions{}},
		"open array":  {"[{\"a\":1}\n", `the array is not closed`, frame.JSONOptions{}},
		"behind":      {"{\"a\":1} x\n", `x.json:1: "x" behind the object`, frame.JSONOptions{}},
		"bad word":    {"{\"a\":nul}\n", `x.json:1: "nul" is no value`, frame.JSONOptions{}},
		"bad escape":  {"{\"a\":\"\\q\"}\n", `escape \q`, frame.JSONOptions{}},
		"twice":       {"{\"a\":1,\"a\":2}\n", `x.json:1: the key "a" is there twice`, frame.JSONOptions{}},
		"bad text":    {"{\"a\":\"x\"}\n{\"a\":\"\xe9t\xe9\"}\n", `x.json:2: column "a": "\xe9t\xe9" is not valid UTF-8 (convert the file)`, frame.JSONOptions{}},
		"bad mix":     {"{\"a\":1}\n{\"a\":[\"\xff\"]}\n", `is not valid UTF-8`, frame.JSONOptions{}},
		"bad key":     {"{\"a\":1}\n{\"\xff\":2}\n", `x.json:2: the key "\xff" is not valid UTF-8 (convert the file)`, frame.JSONOptions{}},
		"later text":  {good + "{\"a\":\"x,y\u009b\"}\n", "column \"a\" is int64, not \"x,y\uFFFD\":", frame.JSONOptions{SampleBytes: 1000}},
		"later type":  {good + "{\"a\":\"x\"}\n", `x.json:60001: column "a" is int64, not "x"`, frame.JSONOptions{SampleBytes: 1000}},
		"later key":   {good + "{\"b\":1}\n", `x.json:60001: the key "b" is not in the sample`, frame.JSONOptions{SampleBytes: 1000}},
		"later float": {good + "{\"a\":1.5}\n", `x.json:60001: column "a" is int64, 1.5 does not fit`, frame.JSONOptions{SampleBytes: 1000}},
		"not below":   {`{"a":18446744073709551615}` + "\n" + good + "{\"a\":-1}\n", `x.json:60002: column "a" is uint64, -1 does not fit`, frame.JSONOptions{SampleBytes: 1000}},
		"not whole":   {`{"a":18446744073709551615}` + "\n" + good + "{\"a\":1e3}\n", `x.json:60002: column "a" is uint64, 1e3 does not fit`, frame.JSONOptions{SampleBytes: 1000}},
		"not beyond":  {`{"a":18446744073709551615}` + "\n" + good + "{\"a\":18446744073709551616}\n", `x.json:60002: column "a" is uint64, 18446744073709551616 does not fit`, frame.JSONOptions{SampleBytes: 1000}},
		"nothing":     {"", "no keys in the sample", frame.JSONOptions{}},
		"long":        {`{"a":"` + strings.Repeat("x", 2<<20) + `"}`, "option MaxRecordBytes", frame.JSONOptions{MaxRecordBytes: 100000}},
		"deep":        {`{"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, "nest deeper than 64", frame.JSONOptions{}},
		"inner":       {good + `{"p":{"q":[[1,2],["x"]]}}` + "\n", `x.json:60001: column "p.q[][]" is int64, not "x"`, inner},
		"inner field": {good + `{"r":[{"s":1},{"s":1.5}]}` + "\n", `x.json:60001: column "r[].s" is int64, 1.5 does not fit`, inner},
		"inner key":   {good + `{"r":[{"t":1}]}` + "\n", `x.json:60001: the key "r[].t" is not in the sample`, inner},
		"inner twice": {good + `{"r":[{"s":1,"\u0073":1}]}` + "\n", `x.json:60001: the key "r[].s" is there twice`, inner},
		"inner text":  {good + `{"":{"t":"` + "\xff\"}}\n", `x.json:60001: column ".t": "\xff" is not valid UTF-8`, inner},
		"inner type":  {`{"a":[{"b":1}]}`, `ndjson: option Types: column "a[].b": JSON is read as`, frame.JSONOptions{Types: map[string]dtype.Type{"a": dtype.ListOf(dtype.StructOf(dtype.Schema{{Name: "b", Type: dtype.Of(dtype.Date)}}))}}},
		"other type":  {`{"a":1}`, "declare it utf8, which keeps values as they are written, and cast that", frame.JSONOptions{Types: map[string]dtype.Type{"a": dtype.Of(dtype.Date)}}},
	} {
		f := frame.ReadJSONWith(c.o, saved(t, "x.json", c.text))
		_, err := f.Collect(context.Background(), runner(t, 1))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	for want, f := range map[string]*frame.Frame{"no such file": frame.ReadJSON("none.json"), "is a folder without files": frame.ReadJSON(t.TempDir()), "no files": frame.ReadJSON()} {
		if err := f.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	given := frame.ReadJSONWith(frame.JSONOptions{Types: map[string]dtype.Type{"a": dtype.Of(dtype.Utf8)}}, saved(t, "x.json", `{"a":1}`))
	if got := rows(table(t, given, 1)); got != "1|\n" {
		t.Errorf("%q", got)
	}
}

// TestTypesOrder holds that columns which only the option Types knows stand in one order.
func TestTypesOrder(t *testing.T) {
	types := map[string]dtype.Type{}
	for _, name := range strings.Fields("h c a g b e d f") {
		types[name] = dtype.Of(dtype.Int64)
	}
	f := frame.ReadJSONWith(frame.JSONOptions{Types: types}, saved(t, "x.json", `{"z":1,"c":2}`))
	got := ""
	for _, c := range f.Schema() {
		got += c.Name
	}
	if got != "zcabdefgh" {
		t.Errorf("columns %s: %v", got, f.Err())
	}
}

// FuzzRead holds that any bytes are rows or an error, and that valid records are all there.
func FuzzRead(f *testing.F) {
	for _, s := range []string{`{"a":1}`, "[{\"a\":[1,{\"b\":null}]}]", "{\"a\":\"\\u00e9\"}\n{}\n", "[]", "{\"x\":1e5}\n{\"x\":-0.0}"} {
		f.Add(s)
	}
	r := local.New(local.Options{Threads: 1, Memory: 64 << 20})
	f.Fuzz(func(t *testing.T, s string) {
		path := saved(t, "x.json", s)
		tab, err := frame.ReadJSON(path).Collect(context.Background(), r)
		if err != nil {
			return
		}
		valid := 0
		for _, line := range strings.Split(s, "\n") {
			if json.Valid([]byte(line)) {
				valid++
			}
		}
		if !strings.HasPrefix(strings.TrimLeft(strings.TrimPrefix(s, "\xef\xbb\xbf"), " \t\r\n"), "[") && int(tab.NumRows()) < valid {
			t.Errorf("%d rows, %d lines are objects", tab.NumRows(), valid)
		}
	})
}

// cell is a value, nested ones as JSON.
func cell(tab *frame.Table, i, c int) any {
	switch v := tab.Value(i, c).(type) {
	case nil:
	case []any, map[string]any:
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		return string(b)
	default:
		return v
	}
	for _, r := range tab.Records {
		if n := int(r.NumRows()); i >= n {
			i -= n
			continue
		}
		if a := r.Column(c); a.IsValid(i) {
			return a.ValueStr(i)
		}
		break
	}
	return nil
}

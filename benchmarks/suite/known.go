package suite

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Answers that several engines agreed on, by case and number of rows; see the
// keep-answers flag.
//
//go:embed answers/*.json
var agreed embed.FS

// A knownAnswer is one of them.
type knownAnswer struct {
	Case   string   `json:"case"`
	Rows   int      `json:"rows"`
	By     []string `json:"by"` // engines with versions
	Answer *answer  `json:"answer"`
}

func readAgreed() ([]knownAnswer, error) {
	files, err := fs.Glob(agreed, "answers/*.json")
	if err != nil {
		return nil, err
	}
	var out []knownAnswer
	for _, f := range files {
		b, err := agreed.ReadFile(f)
		if err != nil {
			return nil, err
		}
		var some []knownAnswer
		d := json.NewDecoder(strings.NewReader(string(b)))
		d.UseNumber()
		if err := d.Decode(&some); err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		out = append(out, some...)
	}
	return out, nil
}

// verdict compares the answers of one case with each other and with what is known.
// It returns what they were compared with and the differences.
func verdict(b *bench, rows int, rs []*result, known []knownAnswer, folder string) (with, wrong []string) {
	var first *result
	for _, r := range rs {
		if r.Answer == nil {
			continue
		}
		if first == nil {
			first = r
		} else if d := first.Answer.differ(r.Answer); d != "" {
			wrong = append(wrong, fmt.Sprintf("%s and %s: %s", first.Engine, r.Engine, d))
		} else if !slices.Contains(with, r.Engine) && r.Engine != first.Engine {
			with = append(with, r.Engine)
		}
	}
	if first == nil {
		return nil, nil
	}
	for _, k := range known {
		if k.Case != queryName(b.name) || k.Rows != rows {
			continue
		}
		if d := first.Answer.differ(k.Answer); d != "" {
			wrong = append(wrong, fmt.Sprintf("%s and the answer agreed on by %s: %s", first.Engine, strings.Join(k.By, ", "), d))
		} else {
			with = append(with, "the agreed answer")
		}
	}
	name, ok, err := compareShared(b, rows, first.Answer, folder)
	if err != nil {
		wrong = append(wrong, fmt.Sprintf("%s and %s: %v", first.Engine, name, err))
	} else if ok {
		with = append(with, name)
	}
	return with, wrong
}

// queryName is the name of the case that has the same answer from a table in
// memory: reading from files changes nothing.
func queryName(name string) string {
	family, q, _ := strings.Cut(name, "/")
	switch name {
	case "cluster/join":
		return "h2o-join/q2"
	case "cluster/big":
		return "h2o-join/q5"
	}
	if (family == "csv" || family == "parquet" || family == "outofcore" || family == "cluster") && strings.HasPrefix(q, "q") {
		return "h2o-groupby/" + q
	}
	return name
}

// compareShared compares an answer with the files another program made of DuckDB's
// answers, if there are any for the case.
func compareShared(b *bench, rows int, a *answer, folder string) (name string, ok bool, err error) {
	name = queryName(b.name)
	family, q, _ := strings.Cut(name, "/")
	file := map[string]string{"h2o-groupby": "duckdb_h2o_groupby_", "h2o-join": "duckdb_h2o_join_", "1brc": "brc_"}[family]
	if family == "h2o-groupby" && b.big {
		file = "big_"
	}
	if file == "" || folder == "" {
		return "", false, nil
	}
	name = file + sizeName(rows) + ".json"
	text, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		return name, false, nil
	}
	if family == "1brc" {
		return name, true, compareStations(a, text)
	}
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(text, &doc); err != nil {
		return name, false, err
	}
	part, there := doc[q]
	if !there {
		return name, false, nil
	}
	if family == "h2o-groupby" && b.big {
		return name, true, compareFigures(a, part)
	}
	var s struct {
		Check map[string]any   `json:"check"`
		First []map[string]any `json:"first3_ordered_by_all"`
	}
	d := json.NewDecoder(strings.NewReader(string(part)))
	d.UseNumber()
	if err := d.Decode(&s); err != nil {
		return name, false, err
	}
	if err := compareFirst(a, s.First); err != nil {
		return name, true, err
	}
	return name, true, compareCheck(a, s.Check)
}

// compareFigures compares sums that stand beside the query itself.
func compareFigures(a *answer, part []byte) error {
	var check map[string]any
	d := json.NewDecoder(strings.NewReader(string(part)))
	d.UseNumber()
	if err := d.Decode(&check); err != nil {
		return err
	}
	delete(check, "example")
	if v, ok := check["sum_avg_v3"]; ok {
		check["sum_v3"] = v
		delete(check, "sum_avg_v3")
	}
	return compareCheck(a, check)
}

// compareCheck compares figures such as nrows, sum_v1, len_id3, min_id3, n_id3.
func compareCheck(a *answer, check map[string]any) error {
	for what, want := range check {
		if s, ok := want.(string); ok && !strings.HasPrefix(what, "min_") && !strings.HasPrefix(what, "max_") {
			want = json.Number(s)
		}
		kind, col, _ := strings.Cut(what, "_")
		if kind == "nrows" {
			if !same(integer(a.Rows), want, false) {
				return fmt.Errorf("%d rows, want %v", a.Rows, want)
			}
			continue
		}
		at := slices.IndexFunc(a.Cols, func(c colAnswer) bool { return c.Name == col })
		if at < 0 {
			return fmt.Errorf("no column %s", col)
		}
		c := &a.Cols[at]
		have := map[string]any{"sum": c.Sum, "len": c.Sum, "n": integer(c.N), "min": c.Min, "max": c.Max}[kind]
		if !same(have, want, false) {
			return fmt.Errorf("%s of %s is %v, want %v", kind, col, have, want)
		}
	}
	return nil
}

// compareFirst compares the first rows in order, columns by name.
func compareFirst(a *answer, first []map[string]any) error {
	for i, row := range first {
		for k, c := range a.Cols {
			want := row[c.Name]
			if s, ok := want.(string); ok && c.Kind != "text" {
				want = json.Number(s)
			}
			if i < len(a.First) && !same(a.First[i][k], want, false) {
				return fmt.Errorf("%s of row %d in order is %v, want %v", c.Name, i, a.First[i][k], want)
			}
		}
	}
	return nil
}

// compareStations compares the temperatures of all stations; means are given with
// six decimals.
func compareStations(a *answer, text []byte) error {
	var rows []struct {
		S          string
		Mn, Av, Mx float64
	}
	if err := json.Unmarshal(text, &rows); err != nil {
		return err
	}
	var low, mean, high float64
	for _, r := range rows {
		low, mean, high = low+r.Mn, mean+r.Av, high+r.Mx
	}
	if a.Rows != int64(len(rows)) || len(a.Cols) != 4 {
		return fmt.Errorf("%d rows of %d columns, want %d of 4", a.Rows, len(a.Cols), len(rows))
	}
	for i, want := range []float64{low, mean, high} {
		have, _ := float(a.Cols[i+1].Sum)
		if math.Abs(have-want) > 1e-6*float64(len(rows)) {
			return fmt.Errorf("sum of %s is %v, want %v", a.Cols[i+1].Name, have, want)
		}
	}
	return nil
}

// keepAnswers writes the answers on which at least two systems other than weft
// agree.
func keepAnswers(path string, all []*result) error {
	var out []knownAnswer
	for _, r := range all {
		name := queryName(r.Case)
		if r.Answer == nil || slices.ContainsFunc(out, func(k knownAnswer) bool { return k.Case == name && k.Rows == r.Rows }) {
			continue
		}
		k := knownAnswer{Case: name, Rows: r.Rows, Answer: r.Answer}
		systems := map[string]bool{}
		for _, o := range all {
			if queryName(o.Case) != name || o.Rows != r.Rows || o.Answer == nil || r.Answer.differ(o.Answer) != "" {
				continue
			}
			if system, _, _ := strings.Cut(o.Engine, "-"); system != "weft" && !systems[system] {
				systems[system] = true
				k.By = append(k.By, system+" "+o.Version)
			}
		}
		if len(k.By) > 1 {
			out = append(out, k)
		}
	}
	b, err := json.MarshalIndent(out, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

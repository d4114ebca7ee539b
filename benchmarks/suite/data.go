package suite

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/weft-data/weft/internal/whole"
)

// A sum is what the checksum file beside a data file holds.
type sum struct {
	Bytes int64
	XXH3  string // of 128 bits
}

// known are the sums of data sets of usual size, so that a file can be told to be
// the one that was measured elsewhere. Those of tpch are the specification's generator's,
// but for the head line and the decimals of l_quantity.
var known = map[string]sum{
	"brc_1e5.txt":            {1556303, "41d4d7c7921503c087ef88b03efdb25c"},
	"g1_1e5.csv":             {4892404, "3ae2969c0b26faf8c42cbe87cf1a4002"},
	"g1_1e7.csv":             {509172044, "d6dc7cbab624b8f9e7d44e374f25e3ab"},
	"j1_1e6_big.csv":         {41762914, "cba1cb1de348d60eaade2b69660632ea"},
	"j1_1e6_medium.csv":      {25817, "d3628efea1ddc3d2e1c510dc6bdb09aa"},
	"j1_1e6_small.csv":       {26, "08dbd18193f3ebfacb006ee72392923a"},
	"j1_1e6_x.csv":           {41749241, "6bd8431d63e7565f5ecf89b03c162db7"},
	"j1_1e7_big.csv":         {461477436, "2b58013203e604545d99faf37cace718"},
	"j1_1e7_medium.csv":      {281902, "30fc703040fac0562385ffc7a1cc13fa"},
	"j1_1e7_small.csv":       {171, "b6ceadc1fa79a4639bbdcd3d7b70079b"},
	"j1_1e7_x.csv":           {461455008, "5481e99efd2b59ec2fba1fbe70f588b2"},
	"tpch_15e3_customer.csv": {239570, "962d1f1153189aad04255268e5efc68a"},
	"tpch_15e3_lineitem.csv": {7384788, "db8b112fe33dafa83b72809bd86f9d72"},
	"tpch_15e3_nation.csv":   {2240, "153c115eb5dc0dc3b2b14f3c57f6cf3f"},
	"tpch_15e3_orders.csv":   {1644246, "d3ce4cdaa17e824f529cf70222160f4e"},
	"tpch_15e3_part.csv":     {235216, "323f014a7a8d5b8f4b56f1badfee8504"},
	"tpch_15e3_partsupp.csv": {1153764, "33b32e38252872f47c16fa097d225636"},
	"tpch_15e3_region.csv":   {413, "d2d982c59f7b97dfceb117ba0d2a3177"},
	"tpch_15e3_supplier.csv": {13762, "de5a1b59266b01df341d78a57e5e02d4"},
	"tpch_15e5_customer.csv": {24196224, "f21a2b545ef2c8d7c83d388c2effb5af"},
	"tpch_15e5_lineitem.csv": {771865905, "e998a8117f9855ba8326e246d360d989"},
	"tpch_15e5_nation.csv":   {2240, "153c115eb5dc0dc3b2b14f3c57f6cf3f"},
	"tpch_15e5_orders.csv":   {170452270, "d681f0b77b065e84a697ed94c133287d"},
	"tpch_15e5_part.csv":     {23935207, "ae0d15dacffce15c07b5f2ec135099f0"},
	"tpch_15e5_partsupp.csv": {118184675, "338fbc55ae357de3a56679d6ebcfeb5d"},
	"tpch_15e5_region.csv":   {413, "d2d982c59f7b97dfceb117ba0d2a3177"},
	"tpch_15e5_supplier.csv": {1399251, "8d0191123b54347303504b49b6f5d55d"},
}

// defaultData is the folder of the data files.
func defaultData() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, "weft", "bench")
}

// sizeName is a number of rows in a file's name: 1e7, 25e6, 12345.
func sizeName(rows int) string {
	s := strconv.Itoa(rows)
	short := strings.TrimRight(s, "0")
	if zeros := len(s) - len(short); zeros > 2 {
		return short + "e" + strconv.Itoa(zeros)
	}
	return s
}

// fileName is the name of a table's file.
func fileName(table string, rows int) string {
	if table == "brc" {
		return table + "_" + sizeName(rows) + ".txt"
	}
	base, part, _ := strings.Cut(table, "_")
	if part != "" {
		part = "_" + part
	}
	return base + "_" + sizeName(rows) + part + ".csv"
}

// A store is the folder of data files and what it says about them.
type store struct {
	dir string
	say func(format string, a ...any)
}

// path names the file of a table.
func (s *store) path(table string, rows int) string {
	return filepath.Join(s.dir, fileName(table, rows))
}

// need makes the files of tables that are not there, or not as they were made.
func (s *store) need(tables []string, rows int) error {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return fmt.Errorf("--data: %w", err)
	}
	missing := map[string]bool{}
	for _, t := range tables {
		ok, err := s.valid(s.path(t, rows))
		if err != nil {
			return err
		}
		missing[t] = missing[t] || !ok
	}
	write := func(t *table) error {
		if !missing[t.name] {
			return nil
		}
		return s.write(s.path(t.name, rows), t)
	}
	for family, make := range makers {
		wanted := func(t string) bool { return familyOf(t) == family && missing[t] }
		if !slices.ContainsFunc(tables, wanted) {
			continue
		}
		if err := make(rows, write); err != nil {
			return err
		}
	}
	return nil
}

// makers make the tables of a family, the part of their names before the underscore,
// and hand them to use in an order that is part of the data.
var makers = map[string]func(rows int, use func(*table) error) error{
	"g1":    func(rows int, use func(*table) error) error { return use(g1(rows, groups(rows))) },
	"brc":   func(rows int, use func(*table) error) error { return use(brc(rows)) },
	"j1":    joinTables,
	"ticks": tickTables,
	"tpch":  trade,
}

func familyOf(table string) string {
	family, _, _ := strings.Cut(table, "_")
	return family
}

// groups is the number of small keys of the group-by table.
func groups(rows int) int { return max(1, min(100, rows/100)) }

// valid reports whether a data file has the size its sum says. A file without a
// sum is hashed once and kept if it is a known one.
func (s *store) valid(path string) (bool, error) {
	info, err := os.Stat(path)
	if err != nil {
		return false, nil
	}
	var have sum
	if b, err := os.ReadFile(path + ".sum"); err == nil && json.Unmarshal(b, &have) == nil {
		return have.Bytes == info.Size(), nil
	}
	want, ok := known[filepath.Base(path)]
	if !ok || want.Bytes != info.Size() {
		return false, nil
	}
	if have, err = hash(path); err != nil || have != want {
		return false, err
	}
	return true, have.save(path)
}

// verify hashes a file again.
func (s *store) verify(path string) error {
	var want sum
	b, err := os.ReadFile(path + ".sum")
	if err == nil {
		err = json.Unmarshal(b, &want)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	have, err := hash(path)
	if err == nil && have != want {
		err = fmt.Errorf("%s: %d bytes with sum %s, when it was made %d with sum %s: remove it", path, have.Bytes, have.XXH3, want.Bytes, want.XXH3)
	}
	return err
}

func hash(path string) (sum, error) {
	f, err := os.Open(path)
	if err != nil {
		return sum{}, err
	}
	defer f.Close()
	h := xxh3.New()
	n, err := io.CopyBuffer(h, f, make([]byte, 1<<20))
	return sum{n, hex128(h)}, err
}

func hex128(h *xxh3.Hasher) string { b := h.Sum128().Bytes(); return fmt.Sprintf("%x", b[:]) }

func (s sum) save(path string) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(path+".sum", append(b, '\n'), 0o644)
}

// write makes a data file.
func (s *store) write(path string, t *table) error {
	s.say("making %s (%d rows)", path, t.rows)
	h := xxh3.New()
	err := whole.Write(path, func(f io.Writer) error {
		w := bufio.NewWriterSize(io.MultiWriter(f, h), 1<<20)
		if err := t.writeText(w); err != nil {
			return err
		}
		return w.Flush()
	})
	if err != nil {
		return fmt.Errorf("making %s: %w", path, err)
	}
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	got := sum{st.Size(), hex128(h)}
	if want, ok := known[filepath.Base(path)]; ok && got != want {
		return fmt.Errorf("%s: made %d bytes with sum %s, want %d with %s", path, got.Bytes, got.XXH3, want.Bytes, want.XXH3)
	}
	return got.save(path)
}

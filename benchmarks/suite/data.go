package suite

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/zeebo/xxh3"
)

// A sum is what the checksum file beside a data file holds.
type sum struct {
	Bytes int64
	XXH3  string // of 128 bits
}

// known are the sums of data sets of usual size, so that a file can be told to be
// the one that was measured elsewhere.
var known = map[string]sum{
	"brc_1e5.txt":       {1556303, "41d4d7c7921503c087ef88b03efdb25c"},
	"g1_1e5.csv":        {4892404, "3ae2969c0b26faf8c42cbe87cf1a4002"},
	"g1_1e7.csv":        {509172044, "d6dc7cbab624b8f9e7d44e374f25e3ab"},
	"j1_1e6_big.csv":    {41762914, "cba1cb1de348d60eaade2b69660632ea"},
	"j1_1e6_medium.csv": {25817, "d3628efea1ddc3d2e1c510dc6bdb09aa"},
	"j1_1e6_small.csv":  {26, "08dbd18193f3ebfacb006ee72392923a"},
	"j1_1e6_x.csv":      {41749241, "6bd8431d63e7565f5ecf89b03c162db7"},
	"j1_1e7_big.csv":    {461477436, "2b58013203e604545d99faf37cace718"},
	"j1_1e7_medium.csv": {281902, "30fc703040fac0562385ffc7a1cc13fa"},
	"j1_1e7_small.csv":  {171, "b6ceadc1fa79a4639bbdcd3d7b70079b"},
	"j1_1e7_x.csv":      {461455008, "5481e99efd2b59ec2fba1fbe70f588b2"},
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
	joins := false
	for name, no := range missing {
		if !no {
			continue
		}
		switch name {
		case "g1":
			if err := write(g1(rows, groups(rows))); err != nil {
				return err
			}
		case "brc":
			if err := write(brc(rows)); err != nil {
				return err
			}
		default:
			joins = true
		}
	}
	if joins {
		return joinTables(rows, write)
	}
	return nil
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

// write makes a data file under a temporary name and renames it when it is whole.
func (s *store) write(path string, t *table) error {
	s.say("making %s (%d rows)", path, t.rows)
	f, err := os.CreateTemp(s.dir, filepath.Base(path)+".tmp-")
	if err != nil {
		return err
	}
	h := xxh3.New()
	w := bufio.NewWriterSize(io.MultiWriter(f, h), 1<<20)
	err = t.writeText(w)
	if err == nil {
		err = w.Flush()
	}
	var size int64
	if err == nil {
		size, err = f.Seek(0, io.SeekCurrent)
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("making %s: %w", path, err)
	}
	got := sum{size, hex128(h)}
	if want, ok := known[filepath.Base(path)]; ok && got != want {
		return fmt.Errorf("%s: made %d bytes with sum %s, want %d with %s", path, got.Bytes, got.XXH3, want.Bytes, want.XXH3)
	}
	return got.save(path)
}

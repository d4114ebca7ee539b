package whole

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestWhole holds that a name stands for a complete file or for what was there before.
func TestWhole(t *testing.T) {
	dir := t.TempDir()
	path := dir + "/x"
	write := func(text string, end func(*File) error) error {
		f, err := Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		err = end(f)
		if e := f.Close(); e != nil {
			t.Error(e)
		}
		return err
	}
	check := func(want string) {
		t.Helper()
		b, _ := os.ReadFile(path)
		all, err := os.ReadDir(dir)
		if string(b) != want || err != nil || len(all) > 1 {
			t.Errorf("%q, want %q; %d files, %v", b, want, len(all), err)
		}
	}
	if err := write("lost", func(*File) error { return nil }); err != nil {
		t.Error(err)
	}
	check("")
	if err := write("one", (*File).CommitNew); err != nil {
		t.Error(err)
	}
	check("one")
	if err := write("two", (*File).CommitNew); !os.IsExist(err) && err == nil {
		t.Error("a file was replaced")
	}
	check("one")
	if err := write("three", (*File).Commit); err != nil {
		t.Error(err)
	}
	check("three")
	four := func(w io.Writer) error { _, err := io.WriteString(w, "four"); return err }
	if err := Write(path, four); err != nil {
		t.Error(err)
	}
	check("four")
	bad := errors.New("bad")
	if err := Write(path, func(w io.Writer) error { return errors.Join(four(w), bad) }); !errors.Is(err, bad) {
		t.Error(err)
	}
	check("four")
	if err := Write(dir+"/none/x", four); err == nil {
		t.Error("a written file in a folder that is not there")
	}
	if _, err := Create(dir + "/none/x"); err == nil {
		t.Error("a file in a folder that is not there")
	}
}

// TestWhatIsThere holds that a file is written through links and keeps who may read it, and that only a regular file gives
// up its name.
func TestWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o777); err != nil {
		t.Fatal(err)
	}
	secret, link, open, round := filepath.Join(dir, "d", "secret"), filepath.Join(dir, "link"), filepath.Join(dir, "open"), filepath.Join(dir, "round")
	for from, to := range map[string]string{link: filepath.Join("d", "secret"), open: filepath.Join("d", "new"), round: "round"} {
		if err := os.Symlink(to, from); err != nil {
			t.Skip(err)
		}
	}
	if err := os.WriteFile(secret, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	one := func(w io.Writer) error { _, err := io.WriteString(w, "one"); return err }
	for path, file := range map[string]string{link: secret, open: filepath.Join(dir, "d", "new")} {
		if err := Write(path, one); err != nil {
			t.Error(err)
		}
		b, err := os.ReadFile(file)
		if st, e := os.Lstat(path); err != nil || string(b) != "one" || e != nil || st.Mode()&fs.ModeSymlink == 0 {
			t.Errorf("%s: %q, %v, %v", path, b, err, e)
		}
	}
	if st, err := os.Stat(secret); err != nil || runtime.GOOS != "windows" && st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	if err := Write(round, one); err == nil || !strings.Contains(err.Error(), "too many links") {
		t.Error(err)
	}
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Skip(err)
	}
	defer l.Close()
	if err := Write(socket, one); err == nil || !strings.Contains(err.Error(), socket+" is there and not a regular file") {
		t.Error(err)
	}
	if st, err := os.Lstat(socket); err != nil || st.Mode()&fs.ModeSocket == 0 {
		t.Errorf("%v, %v", st, err)
	}
}

// TestKnownPath holds that errors are about the path that the user knows.
func TestKnownPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	f, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.File.Close(); err != nil { // what is written from here on fails
		t.Fatal(err)
	}
	_, write := f.Write([]byte("x"))
	_, copied := f.ReadFrom(strings.NewReader("x"))
	for what, err := range map[string]error{"write": write, "copy": copied, "commit": f.Commit()} {
		if err == nil || !strings.Contains(err.Error(), path+":") || strings.Contains(err.Error(), ".tmp") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	d, err := CreateFolder(path)
	if err == nil {
		err = os.WriteFile(path, nil, 0o666) // takes the name
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Commit(); err == nil || !strings.Contains(err.Error(), path+":") || strings.Contains(err.Error(), ".tmp") {
		t.Errorf("folder: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// TestLarge holds that what the disk begins with early is all of the file, written or copied.
func TestLarge(t *testing.T) {
	path := t.TempDir() + "/x"
	want := make([]byte, 3*sendBytes+5)
	for i := range want {
		want[i] = byte(i * 7 >> 3)
	}
	f, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	at := 0
	for _, part := range []struct {
		n, sent int
		write   func(b []byte) (int64, error)
	}{
		{sendBytes - 1, 0, func(b []byte) (int64, error) { n, err := f.Write(b); return int64(n), err }},
		{sendBytes + 2, 2*sendBytes + 1, func(b []byte) (int64, error) { return io.Copy(f, io.LimitReader(bytes.NewReader(b), 1<<40)) }},
		{sendBytes, 3*sendBytes + 1, func(b []byte) (int64, error) { n, err := f.Write(b); return int64(n), err }},
		{4, 3*sendBytes + 1, func(b []byte) (int64, error) { n, err := f.Write(b); return int64(n), err }},
	} {
		n, err := part.write(want[at : at+part.n])
		if at += part.n; err != nil || n != int64(part.n) || f.sent != int64(part.sent) {
			t.Errorf("after %d bytes %d are sent, want %d; %d written, %v", at, f.sent, part.sent, n, err)
		}
	}
	if err := f.Commit(); err != nil || at != len(want) {
		t.Fatal(at, err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, want %d, or others: %v", len(got), len(want), err)
	}
}

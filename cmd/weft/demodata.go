package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"github.com/weft-data/weft/internal/whole"
)

// The demo's data is a function of the number of rows and a seed, made so that
// totals over it have closed forms:
//
//	sales.csv  row i of n: order = i, user = u(i), state = i+seed mod 10 (0 is
//	           "void", others "ok"), qty = 1 + i mod 7, price = cents(i)/100
//	users.csv  row k of u: user = k, segment = k mod 5
//
// with u(i) = (a·i + seed) mod u, a prime to u, so that every user has n/u rows,
// one more or less; and cents(i) = 100 + 37·i mod 9973.
type demoData struct {
	rows, users, step int64
	seed              int64
	sales, people     string // paths
}

const priceCycle = 9973

// newDemoData chooses the numbers: about 8 rows per user, and a number of users
// without common divisors with 10, so that no user has only void rows.
func newDemoData(rows, seed int64) demoData {
	d := demoData{rows: rows, seed: ((seed % 1000003) + 1000003) % 1000003, users: max(1, rows/8)}
	for gcd(d.users, 10) != 1 {
		d.users++
	}
	d.step = int64(float64(d.users)*0.6180339887) | 1
	for gcd(d.step, d.users) != 1 {
		d.step += 2
	}
	return d
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func (d demoData) user(i int64) int64  { return (d.seed + i%d.users*d.step) % d.users }
func (d demoData) void(i int64) bool   { return (i+d.seed)%10 == 0 }
func (d demoData) qty(i int64) int64   { return 1 + i%7 }
func (d demoData) cents(i int64) int64 { return 100 + 37*i%priceCycle }

// A totals is what the demo's answer must add up to; Users sums their numbers.
type totals struct{ Groups, Users, Orders, Qty, Cents int64 }

// expected computes the totals without the data: everything repeats after
// 10·7·9973 rows.
func (d demoData) expected() (t totals) {
	const cycle = 10 * 7 * priceCycle
	whole, rest := d.rows/cycle, d.rows%cycle
	var full, part totals
	for i := range int64(cycle) {
		if i == rest {
			part = full
		}
		if d.void(i) {
			continue
		}
		full.Orders++
		full.Qty += d.qty(i)
		full.Cents += d.qty(i) * d.cents(i)
	}
	t.Orders = whole*full.Orders + part.Orders
	t.Qty = whole*full.Qty + part.Qty
	t.Cents = whole*full.Cents + part.Cents
	t.Groups, t.Users = d.groups()
	return t
}

// groups counts the users with a row that is not void, and sums their numbers. With 2 rows or more a
// user has one: its rows are a multiple of d.users apart, which is prime to 10.
// The first rows%users users in the order of u have one row more than the rest.
func (d demoData) groups() (n, sum int64) {
	if d.rows >= 2*d.users {
		return d.users, d.users * (d.users - 1) / 2
	}
	for i := range min(d.rows, d.users) {
		if !d.void(i) || i+d.users < d.rows {
			n++
			sum += d.user(i)
		}
	}
	return n, sum
}

// files makes the data once in the user's cache folder.
func (d *demoData) files(ctx context.Context, progress func(float64)) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "weft", "demo")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("the demo's data goes to %s: %w", dir, err)
	}
	d.sales = filepath.Join(dir, fmt.Sprintf("sales-%d-%d.csv", d.rows, d.seed))
	d.people = filepath.Join(dir, fmt.Sprintf("users-%d-%d.csv", d.rows, d.seed))
	if err := once(d.people, func(w *bufio.Writer) error { return d.writeUsers(ctx, w) }); err != nil {
		return err
	}
	return once(d.sales, func(w *bufio.Writer) error { return d.writeSales(ctx, w, progress) })
}

// once writes a file that does not exist yet.
func once(path string, write func(*bufio.Writer) error) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	err := whole.Write(path, func(f io.Writer) error {
		w := bufio.NewWriterSize(f, 1<<20)
		if err := write(w); err != nil {
			return err
		}
		return w.Flush()
	})
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// userName is a fixed-width name, so that users sort as they count.
func userName(b []byte, k int64) []byte {
	b = append(b, "user-"...)
	for p := int64(1e8); p > 0; p /= 10 {
		b = append(b, byte('0'+k/p%10))
	}
	return b
}

func (d *demoData) writeUsers(ctx context.Context, w *bufio.Writer) error {
	var b []byte
	b = append(b, "user,segment\n"...)
	for k := range d.users {
		b = userName(b, k)
		b = append(b, ",s"...)
		b = strconv.AppendInt(b, k%5, 10)
		b = append(b, '\n')
		if len(b) > 1<<16 || k == d.users-1 {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if _, err := w.Write(b); err != nil {
				return err
			}
			b = b[:0]
		}
	}
	return nil
}

func (d *demoData) writeSales(ctx context.Context, w *bufio.Writer, progress func(float64)) error {
	b := append([]byte(nil), "order,user,state,qty,price\n"...)
	u := d.seed % d.users
	for i := range d.rows {
		b = strconv.AppendInt(b, i, 10)
		b = append(b, ',')
		b = userName(b, u)
		if u += d.step; u >= d.users {
			u -= d.users
		}
		if d.void(i) {
			b = append(b, ",void,"...)
		} else {
			b = append(b, ",ok,"...)
		}
		b = append(b, byte('0'+d.qty(i)), ',')
		c := d.cents(i)
		b = strconv.AppendInt(b, c/100, 10)
		b = append(b, '.', byte('0'+c/10%10), byte('0'+c%10), '\n')
		if len(b) > 1<<16 || i == d.rows-1 {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if _, err := w.Write(b); err != nil {
				return err
			}
			b = b[:0]
			progress(float64(i) / float64(d.rows))
		}
	}
	return nil
}

// cents of a price as read back: prices are whole cents in float64.
func toCents(x float64) int64 { return int64(math.Round(x * 100)) }

package sched

// OneToOne returns the wiring in which block b needs block b.
func OneToOne() Wiring { return Wiring{Kind: One} }

// Spans returns the wiring in which block b needs blocks [first+b*stride, first+b*stride+n).
func Spans(first, n, stride int32) Wiring {
	return Wiring{Kind: Span, First: first, N: n, Stride: stride}
}

// Everything returns the wiring in which every block needs every block.
func Everything() Wiring { return Wiring{Kind: All} }

// Lists returns the wiring in which block b needs the blocks list[at[b]:at[b+1]].
func Lists(at, list []int32) Wiring { return Wiring{Kind: Table, At: at, List: list} }

// Needs returns which of the n blocks of the input block b needs: the range [lo, hi), or for a Table the list.
func (w *Wiring) Needs(b, n int32) (lo, hi int32, list []int32) {
	switch w.Kind {
	case One:
		return b, b + 1, nil
	case Span:
		a := int64(w.First) + int64(b)*int64(w.Stride)
		z := min(a+int64(w.N), int64(n))
		a = max(a, 0)
		if a >= z {
			return 0, 0, nil
		}
		return int32(a), int32(z), nil
	case All:
		return 0, n, nil
	}
	return 0, 0, w.List[w.At[b]:w.At[b+1]]
}

// most bounds how many blocks m blocks need of n by a Span, each time counted: the needs of each, and the readers of each.
func (w *Wiring) most(m, n int32) int64 {
	reads := int64(m) * int64(max(min(w.N, n), 0))
	if s := int64(max(w.Stride, -w.Stride)); s > 0 {
		reads = min(reads, int64(n)*((int64(max(w.N, 0))+s-1)/s))
	}
	return reads
}

// readers returns the range [lo, hi) of the m reading blocks that need block x by a One or Span wiring.
func (w *Wiring) readers(x, m int32) (lo, hi int32) {
	if w.Kind == One {
		return x, x + 1
	}
	d, n, s := int64(x)-int64(w.First), int64(w.N), int64(w.Stride)
	if n <= 0 {
		return 0, 0
	}
	var a, z int64 // b with d-n < b*s <= d
	switch {
	case s == 0:
		if d < 0 || d >= n {
			return 0, 0
		}
		return 0, m
	case s > 0:
		a, z = ceilDiv(d-n+1, s), floorDiv(d, s)
	default:
		a, z = ceilDiv(-d, -s), floorDiv(n-1-d, -s)
	}
	a, z = max(a, 0), min(z+1, int64(m))
	if a >= z {
		return 0, 0
	}
	return int32(a), int32(z)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

func ceilDiv(a, b int64) int64 { return -floorDiv(-a, b) }

// single returns the readers of n input blocks if each has exactly one, else nil. It goes to another place for each block once, where
// reverse does three times: that is what ten million blocks cost.
func (w *Wiring) single(n int32, from *stock) []int32 {
	m := len(w.At) - 1
	if w.At[m]-w.At[0] != n {
		return nil
	}
	list := from.counts.Take(n)
	for b := range m {
		for _, x := range w.List[w.At[b]:w.At[b+1]] {
			if list[x] != 0 {
				from.counts.Put(list)
				return nil
			}
			list[x] = int32(b) + 1
		}
	}
	for x := range list {
		list[x]--
	}
	return list
}

// reverse returns the readers of each of the n input blocks of a Table, in compressed rows.
func (w *Wiring) reverse(n int32, from *stock) (at, list []int32) {
	m := len(w.At) - 1
	at = from.counts.Take(n + 2)
	if list := w.single(n, from); list != nil {
		for x := range at {
			at[x] = int32(x)
		}
		return at[:n+1], list
	}
	used := w.List[w.At[0]:w.At[m]]
	for _, x := range used {
		at[x+2]++
	}
	for i := range n {
		at[i+2] += at[i+1]
	}
	list = from.counts.Take(int32(len(used)))
	for b := range m { // at[x+1] goes from where row x begins to where it ends
		for _, x := range w.List[w.At[b]:w.At[b+1]] {
			list[at[x+1]] = int32(b)
			at[x+1]++
		}
	}
	return at[:n+1], list
}

package csv

import (
	"math"
	"testing"

	"github.com/weft-data/weft/store"
)

func TestSmallFilesMayBeOneBlock(t *testing.T) {
	const most = 1 << 30
	text := numbered(500)
	p := describe(t, Options{SplitBytes: 256}, writeFile(t, "x.csv", text))
	p.BlockBytes = 1024
	want := mustCollect(t, p)
	one, ok := unite(p, most)
	if n := len(p.blocks()); !ok || n < 4 || len(one.blocks()) != 1 {
		t.Fatalf("%v: %d blocks became %d", ok, n, len(one.blocks()))
	}
	if n, m := len(p.splits(p.blocks()[0])), len(one.splits(one.blocks()[0])); m < 4*n-4 {
		t.Errorf("one block has %d splits, a fraction of it had %d", m, n)
	}
	if got := mustCollect(t, one); table(got) != table(want) || len(got) != 500 {
		t.Errorf("one block has other rows: %d", len(got))
	}
	if _, ok := unite(one, most); ok {
		t.Error("one block is made one again")
	}
	for what, change := range map[string]func(*ReadParams){
		"blocks that the user chose": func(p *ReadParams) { p.AutoBlocks = false },
		"blocks that were pruned":    func(p *ReadParams) { p.Keep = []int32{0, 2} },
		"a large file": func(p *ReadParams) {
			p.Files = []File{{Info: store.Info{Path: "x", Size: most + 1}}}
			p.BlockBytes = 1 << 30
			p.SplitBytes = 1 << 20
		},
		"large compressed text": func(p *ReadParams) {
			p.Files = []File{{Info: store.Info{Size: 1 << 29}, Codec: Gzip}, {Info: store.Info{Size: 1 << 29}, Codec: Gzip}}
			p.Ratio = 4
		},
	} {
		q := p
		change(&q)
		if len(q.blocks()) < 2 {
			t.Fatalf("%s: there is one block", what)
		}
		if r, ok := unite(q, most); ok {
			t.Errorf("%s become %d blocks", what, len(r.blocks()))
		}
	}
	if err := one.check(); err != nil {
		t.Error(err)
	}
	large := p
	large.Files = []File{{Info: store.Info{Path: "x", Size: 100 << 30}}}
	large.SplitBytes, large.BlockBytes = 1<<18, 1<<30
	large, ok = unite(large, math.Inf(1))
	if n := len(large.splits(large.blocks()[0])); !ok || len(large.blocks()) != 1 || n > maxSplits || n <= maxSplits/2 || large.check() != nil {
		t.Errorf("100 GiB become %d blocks, the first of %d splits: %v", len(large.blocks()), n, large.check())
	}
	large.Files[0].Size, large.BlockBytes = maxUnited+1, 1<<30
	if _, ok := unite(large, math.Inf(1)); ok {
		t.Error("more than a block can have is one block")
	}
	chosen := describe(t, Options{SplitBytes: 256, BlockBytes: 1024}, p.Files[0].Path)
	if chosen.AutoBlocks || !p.AutoBlocks {
		t.Error("a BlockBytes that was given is taken for one that was not")
	}
}

package data

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/credentials/insecure"

	"github.com/weft-data/weft/dtype"
)

// TestAddressesAreForgotten: of workers that have come and gone nothing is kept for ever, of those that are asked now and then
// what is known of the way to them.
func TestAddressesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPeers(insecure.NewCredentials(), time.Second)
		often := p.way("often")
		often.link = 7
		most := 0
		for i := range 1000 {
			p.way(fmt.Sprint(i))
			if p.way("often") != often {
				t.Fatal("what is known of a way that is used was forgotten")
			}
			time.Sleep(time.Minute)
			most = max(most, len(p.ways))
		}
		if most > 20 {
			t.Errorf("%d ways are known", most)
		}
	})
	addr, p := serve(t, few())
	err := p.Get(context.Background(), addr, key, &Ticket{Refs: []Ref{{Block: 1, Hi: -1}}}, []dtype.Schema{schema}, &catcher{})
	if !errors.Is(err, ErrGone) {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.conns); n != 0 {
		t.Errorf("%d addresses without a connection are kept", n)
	}
}

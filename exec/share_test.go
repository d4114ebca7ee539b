package exec

import "testing"

func TestShare(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		memory, pool   int64
		threads, slots int
	}{
		{0, 0, 8, 8},
		{64 * mib, 32 * mib, 1, 1},
		{96 * mib, 48 * mib, 2, 2},
		{96 * mib, 48 * mib, 8, 2},
		{128 * mib, 64 * mib, 8, 4},
		{256 * mib, 168 * mib, 8, 8},
		{4096 * mib, 3960 * mib, 16, 16},
	} {
		if pool, slots := Share(c.memory, c.threads); pool != c.pool || slots != c.slots {
			t.Errorf("Share(%d MiB, %d) = %d MiB, %d; want %d MiB, %d", c.memory/mib, c.threads, pool/mib, slots, c.pool/mib, c.slots)
		}
		if whole := BudgetOf(c.pool, c.slots); whole != c.memory {
			t.Errorf("BudgetOf(%d MiB, %d) = %d MiB, want %d", c.pool/mib, c.slots, whole/mib, c.memory/mib)
		}
	}
}

package data

import (
	"context"
	"time"
)

// What is bounded of blocks on their way, beside what the system has of a connection (on
// Linux tcp_wmem and tcp_rmem, 10 MiB together):
//
//	reader   a stream has one batch (maxBody) in the memory of its sink; no more than reading
//	         streams are open, the next ones wait
//	sender   a stream has lent bytes: a room for what is written next, and one for a part that is
//	         packed, and a body that is read where it lies, which has its memory anyway; one for other programs has foreign bytes. No more than lending
//	         bytes are lent, the next readers wait and are told so. A reader that takes nothing for
//	         taking has its connection ended, and asks again if it lives
const (
	reading = 64
	lent    = 3 * partBytes
	foreign = 4 * ipcBytes
	lending = 256 << 20
	taking  = time.Minute
)

// patience is how long a reader waits for its turn until it is told to go on waiting: less
// than it waits for bytes.
const patience = time.Second

// enter waits until n more bytes may be lent. As long as they may not, sign is called
// now and then.
func (s *server) enter(ctx context.Context, n int64, sign func() error) error {
	for {
		turn, cancel := context.WithTimeout(ctx, s.patience)
		err := s.room.Acquire(turn, n)
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
		if err := sign(); err != nil {
			return err
		}
	}
}

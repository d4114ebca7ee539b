package data

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"time"

	"google.golang.org/grpc/credentials"
)

// greeting is what a connection for blocks begins with; another one is for Flight, and begins
// as HTTP/2 does.
const greeting = "wfblock1"

const (
	readAhead = 16 << 10 // bytes that are read with what is smaller; what is longer is read to where it stays
	silent    = time.Minute
	rest      = silent / 3 // after so long a reader ends a connection it has no use for, long before the sender does
	spare     = 8          // connections to one address that may rest
)

// A conn carries tickets in one direction and frames in the other: a ticket, the frames of
// its stream, the next ticket.
type conn struct {
	net.Conn
	in    *bufio.Reader
	buf   [headSize]byte
	alarm *time.Timer   // goes off when nothing comes for stall; nil: nobody waits
	stall time.Duration // of alarm
	rest  *time.Timer   // ends the connection
	info  credentials.AuthInfo
}

func newConn(c net.Conn) *conn {
	x := &conn{Conn: c}
	x.in = bufio.NewReaderSize(x, readAhead)
	return x
}

// Read implements io.Reader, for in. The alarm runs while it waits for the other end, not while what came is
// stored or looked at, which may take longer.
func (c *conn) Read(b []byte) (int, error) {
	if c.alarm == nil {
		return c.Conn.Read(b)
	}
	c.alarm.Reset(c.stall)
	n, err := c.Conn.Read(b)
	c.alarm.Stop()
	return n, err
}

// head reads and checks the head of a frame.
func (c *conn) head(h *head) error {
	if _, err := io.ReadFull(c.in, c.buf[:]); err != nil {
		return err
	}
	return h.peek(c.buf[:])
}

// part reads and checks the part of the body that follows a head.
func (c *conn) part(h *head, to []byte) error {
	if _, err := io.ReadFull(c.in, to); err != nil {
		return err
	}
	return h.check(to)
}

// text reads a part that is no more than max bytes of a body of its own.
func (c *conn) text(h *head, max int) ([]byte, error) {
	if int64(h.part) > int64(max) {
		return nil, corrupt("%d bytes in a frame of kind %d, at most %d are allowed", h.part, h.kind, max)
	}
	b := make([]byte, h.part)
	return b, c.part(h, b)
}

// ask sends a ticket.
func (c *conn) ask(kind byte, ticket []byte) error {
	_, err := c.Write(append((&head{kind: kind}).over(ticket).append(nil), ticket...))
	return err
}

// told words why a block does not come.
func (c *conn) told(h *head) error {
	text, err := c.text(h, maxReason)
	if err != nil {
		return err
	}
	switch h.run {
	case causeGone:
		return ErrGone
	case causeDenied:
		return ErrDenied
	}
	return errors.New(string(text))
}

// cut reports whether an error says that the other end is gone, or the way to it.
func cut(err error) bool {
	return err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, new(*net.OpError))
}

// dial makes a connection for blocks.
func dial(ctx context.Context, addr string, creds credentials.TransportCredentials) (*conn, error) {
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { _ = raw.Close() })()
	c, info, err := creds.ClientHandshake(ctx, addr, raw)
	if err == nil {
		_, err = io.WriteString(c, greeting)
	}
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	x := newConn(c)
	x.info = info
	return x, nil
}

// A gate are the credentials of a server at whose port connections of two kinds come: it keeps
// those for blocks, and leaves the others to gRPC.
type gate struct {
	credentials.TransportCredentials
	s *Server
}

// Clone implements credentials.TransportCredentials.
func (g gate) Clone() credentials.TransportCredentials {
	return gate{g.TransportCredentials.Clone(), g.s}
}

// ServerHandshake implements credentials.TransportCredentials. gRPC calls it in a goroutine of
// the connection, and waits for that when the server is stopped.
func (g gate) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if !g.s.enlist(raw) {
		return nil, nil, net.ErrClosed
	}
	defer g.s.strike(raw)
	c, info, err := g.TransportCredentials.ServerHandshake(raw)
	if err != nil {
		return nil, nil, err
	}
	first := make([]byte, len(greeting))
	if _, err := io.ReadFull(c, first); err != nil {
		return nil, nil, err
	}
	if string(first) != greeting {
		return &begun{c, first}, info, nil
	}
	g.s.blocks(newConn(c), info)
	_ = c.Close()
	return nil, nil, credentials.ErrConnDispatched
}

// A begun connection has its first bytes in memory.
type begun struct {
	net.Conn
	first []byte
}

// Read implements net.Conn.
func (c *begun) Read(b []byte) (int, error) {
	if len(c.first) == 0 {
		return c.Conn.Read(b)
	}
	n := copy(b, c.first)
	c.first = c.first[n:]
	return n, nil
}

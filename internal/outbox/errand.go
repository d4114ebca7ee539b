package outbox

// An Errand is one piece of work at a time, done beside whoever gave it. Start is for one goroutine; others may
// ask and wait meanwhile.
type Errand struct {
	done chan struct{} // nil: nothing was started
	err  error         // the first, to be read when done is closed
}

// Start begins f on a goroutine of its own. What was started before has ended: Wait has said so.
func (e *Errand) Start(f func() error) {
	e.done = make(chan struct{})
	go func() {
		defer close(e.done)
		if err := f(); e.err == nil {
			e.err = err
		}
	}()
}

// Busy reports whether there is something to wait for.
func (e *Errand) Busy() bool {
	select {
	case <-e.done:
		return false
	default:
		return e.done != nil
	}
}

// Wait waits for what was started and returns the first error there was, again at every call.
func (e *Errand) Wait() error {
	if e.done != nil {
		<-e.done
	}
	return e.err
}

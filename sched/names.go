package sched

import "fmt"

var (
	wiringNames = [...]string{"one", "span", "all", "table"}
	keepNames   = [...]string{"drop", "pin", "stream", "ordered"}
	classNames  = [...]string{"user", "lost-input", "lost-worker", "over-memory", "corrupt", "invalid", "cancelled"}
	eventNames  = [...]string{"submit", "extend", "up", "down", "started", "done", "failed", "fetch-failed", "returned",
		"held", "missing", "mem", "consumed", "enough", "cancel", "tick", "running", "read", "moved", "withdraw", "away", "back"}
	actionNames = [...]string{"run", "free", "return", "deliver", "layer-done", "fail", "finished", "closed", "halt"}
)

func name[K ~uint8](names []string, k K) string {
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("?%d", k)
}

// String returns the word used in scripts.
func (k WiringKind) String() string { return name(wiringNames[:], k) }

// String returns the word used in scripts.
func (k Keep) String() string { return name(keepNames[:], k) }

// String returns the word used in scripts.
func (c Class) String() string { return name(classNames[:], c) }

// String returns the word used in scripts.
func (k EventKind) String() string { return name(eventNames[:], k) }

// String returns the word used in scripts.
func (k ActionKind) String() string { return name(actionNames[:], k) }

// String returns the action as one line of a script.
func (a Action) String() string {
	at := func() string { return fmt.Sprintf("j%d %d[%s]", a.Job, a.Layer, blocks(a.First, a.N)) }
	on := func() string { return fmt.Sprintf("w%d.%d", a.Worker, a.Session) }
	switch a.Kind {
	case Run:
		alone := ""
		if a.Alone {
			alone = " alone"
		}
		return fmt.Sprintf("run %s on %s try %d%s", at(), on(), a.Attempt, alone)
	case Return:
		return fmt.Sprintf("return %s from %s try %d", at(), on(), a.Attempt)
	case Halt:
		return fmt.Sprintf("halt %s on %s try %d", at(), on(), a.Attempt)
	case Free, Deliver:
		return fmt.Sprintf("%s %s at %s", a.Kind, at(), on())
	case LayerDone:
		return fmt.Sprintf("layer-done j%d %d: %d blocks, %d bytes, %d rows", a.Job, a.Layer, a.N, a.Bytes, a.Rows)
	case Fail:
		return fmt.Sprintf("fail j%d: %v", a.Job, a.Err)
	}
	return fmt.Sprintf("%s j%d", a.Kind, a.Job)
}

func blocks(first, n int32) string {
	if n == 1 {
		return fmt.Sprint(first)
	}
	return fmt.Sprintf("%d-%d", first, first+n-1)
}

// String returns "layer[block]".
func (b Block) String() string { return fmt.Sprintf("%d[%d]", b.Layer, b.Block) }

// String returns class, place and attempt.
func (c Cause) String() string {
	return fmt.Sprintf("%v on w%d.%d try %d code %d", c.Class, c.Worker, c.Session, c.Attempt, c.Code)
}

// Error names the task, the class and every cause.
func (e *JobError) Error() string {
	m := "sched: " + e.Class.String()
	if e.Task.Block >= 0 {
		m += ", task " + e.Task.String()
	}
	if e.Text != "" {
		m += ": " + e.Text
	}
	for i, c := range e.Causes {
		if i == 0 {
			m += " ("
		} else {
			m += "; "
		}
		m += c.String()
	}
	if len(e.Causes) > 0 {
		m += ")"
	}
	return m
}

// Package sched decides which worker runs which task. It is a pure state machine: Step takes one event and
// appends actions. It starts no goroutine, takes no lock, reads no clock, draws no random number and imports
// nothing of this module. Goroutines of this process (sched/local), a cluster service (cluster) and a simulator
// (sched/sim) drive the same machine; local mode is a cluster of one worker.
//
// # Jobs, layers, tasks
//
// A job is a list of layers; a layer is N tasks of one kind, each making one block. The edges between tasks are
// never listed: a layer says by a Wiring which blocks of its inputs a block needs. A task is named by (layer, block)
// and costs about 20 bytes. A task is needed when somebody wants its block (Layer.Keep) or a needed task reads it;
// nothing else is ever run.
//
//	            inputs held            Run                Done
//	(needed) ── waiting ───▶ ready ────────▶ running ───────────▶ held ──▶ freed (no reader left, nobody wants it)
//	               ▲           ▲               │ Failed, Returned,  │ worker or block lost, and still needed
//	               └───────────┴───────────────┴ worker lost        │
//	               └────────────────────────────────────────────────┘
//
// # Order
//
// Ready tasks run in the order (job priority, layer rank, distance to the results, block). Tasks without missing
// inputs are not all ready at once: they are drawn one by one by a walk that goes depth-first from the wanted blocks
// down to what they miss, so that few blocks live at the same time, and not beyond the reader's Window. Package
// users with an explicit graph of tasks get a good numbering of them from Order.
//
// # The driver's loop
//
// A State is not safe for concurrent use: one goroutine owns it, or a lock does.
//
//	st := sched.New(sched.Options{})
//	acts = st.Step(sched.Event{Kind: sched.WorkerUp, Worker: 0, Session: 1, Slots: n, Bytes: budget}, acts[:0])
//	do(acts)
//	acts = st.Step(sched.Event{Kind: sched.Submit, Job: j, Spec: spec}, acts[:0])
//	do(acts)
//	for !closed {
//		var wake <-chan time.Time           // only retries wait for the clock
//		if at, ok := st.Wake(); ok { wake = timer(at) }
//		select {
//		case ev := <-reports:               // from the goroutines that run tasks
//			batch = append(batch[:0], ev)   // and whatever else is there already: StepAll is cheaper than many Steps
//		case <-wake:
//			batch = append(batch[:0], sched.Event{Kind: sched.Tick, Now: now()})
//		}
//		acts = st.StepAll(batch, acts[:0])
//		do(acts)
//	}
//
//	do: for each action, in order
//		Run       for b in First…First+N-1: in = st.Inputs(job, layer, b, in[:0]), fetch what is elsewhere (Holder), run it
//		          on a slot of Worker, then send Done{Job, Layer, Block: b, Worker, Session, Attempt, Bytes, Rows, Nanos}
//		          or Failed. A time-out per task is a context of the driver and ends in Failed.
//		          Inputs stay held until the report: nothing a running task reads is freed.
//		          A task that a new session said is Running goes on under the Attempt of its Run, whatever became of its inputs;
//		          under a Run that is Alone it does not: it must end first, unless it is Away, which ends its being alone.
//		Free      drop the blocks
//		Deliver   hand the block to the reader; when the reader has let go of it send Consumed. After the loss of the holder a
//		          block that was not consumed is delivered again: a driver that has read it already just answers Consumed.
//		          A block that is not where it should be is reported as Missing, made again and delivered again.
//		LayerDone look whether the plan can go on; if a Late layer can be decided send Extend
//		Return    (Queue > 0 only) answer Returned if the task has not started, else Started
//		Halt      (after Withdraw) end one task that is queued or runs, through its context; answer Returned, or Done if it had
//		          ended. What goes on from an earlier session, and was announced as Running, is named with Attempt 0.
//		Fail      stop the job's tasks (cancel their contexts). Every task that was handed out still reports, so that the
//		          slots stay right: Done, Failed or Returned, it does not matter which.
//		Finished  all results are there. Pinned blocks stay until Cancel.
//		Closed    drop what the driver keeps of the job
//
// Every event is legal at any time. Reports of an old attempt or session, repetitions, and events that name what
// does not exist change nothing (a block reported by a live session that nobody needs is answered with Free).
//
// # Giving up single tasks
//
// Withdraw takes tasks out of a job, with all that read them, one way or another: they count as read by whoever wanted
// them, they are not run, and those that run are halted. All else of the job goes on, what the withdrawn tasks alone
// would have read included as far as it is wanted itself. A State that begins anew is told again.
//
// # Waiting
//
// A task that waits for other tasks says that it is Away, and when it is Back. Meanwhile it takes no place at its worker, so
// that however many wait there, what they wait for can be sent. Only labels and resources may keep it from being sent then.
//
// # Facts and derived state
//
// Facts are set by events: who is up, who holds what, who runs what, what was consumed. All else is a function of
// them: what is needed, how many inputs are missing, how many readers are left, what is ready. After a loss the derived
// state of a job is computed anew by one function, rebuild, in O(tasks + edges). Check compares all derived state with
// what the facts say; Story tells what happened to a task.
package sched

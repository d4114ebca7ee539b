// Package cluster runs plans on many processes: a Scheduler that decides, Workers
// that compute and hand blocks to each other, and clients. It is the same pure
// scheduler, the same memory machine and the same tasks as in one process
// (sched/local); what is added is streams.
//
//	client ── Submit, Consumed ──▶ Scheduler ◀── Done, Failed ──── Worker ◀─┐
//	   ▲   ◀─── Deliver, Fail ────     └─ Plan, Where, Run, Free ──▶  │    │ blocks
//	   └────────────────────────────── blocks ────────────────────────┘    └▶ other Workers
//
// A client gets a Runner, so that a program differs from a local one in one
// argument:
//
//	c, err := cluster.Dial(ctx, "127.0.0.1:9700", cluster.Options{})
//	defer c.Close()
//	table, err := frame.ReadCSV("trips.csv").GroupBy("day").Agg(frame.Count()).Collect(ctx, c)
//
// # Control plane
//
// Each worker and client has one stream to the scheduler, with frames of many
// records (package cluster/wire). A plan goes to a worker once, before its first
// task; where the inputs of tasks are is told as it changes. A worker that comes is
// a session; all it says counts for that session and names attempts, so what is late
// changes nothing.
//
// A client may ask for workers with certain labels (Options.Labels), and for resources:
// each of its tasks takes so many of its worker's while it has it (Options.Resources,
// WorkerOptions.Resources, 'weft worker --resources gpu=2'). Client.With is the same client for
// tasks that need more.
//
// # Data plane
//
// A worker keeps the blocks it made, in memory or on its disk, until the scheduler
// frees them. Before a task starts the worker fetches what is elsewhere, of a
// shuffle the ranges of runs it reads, one request for each holder (cluster/data), over
// connections that carry nothing else. At the same port programs of others read by Arrow Flight.
// Fetched blocks are counted and spilled like its own.
//
// # Security
//
// Off the loopback interface both planes need TLS, with certificates on both sides that
// say what a process may be: scheduler, worker or client (InitSecurity). A process has
// its certificate from files, or has a join token (NewToken), for which the scheduler
// makes one, and another one in time before its end, unless its name was revoked (Revoke). Blocks are given for tickets signed with the secret of their job.
//
// # Datasets
//
// Client.Persist keeps the blocks of a plan on the workers under a name; other clients,
// and Flight clients of other programs, find and read them by it.
//
// # Scattered values
//
// A client keeps blocks of its own on the workers (Client.Keep; future.Scatter is the verb). A
// worker that is to have one asks for it, and the client gives it there. Requests of the client read
// them by layers that are lent (sched.Lent): no task makes those, and their blocks are held where the first
// job holds them.
//
// # Loss
//
// When the process of a worker ends its blocks are lost. The scheduler makes again
// what is still needed of them and nothing else. A block that cannot be fetched, or
// came broken twice, is treated as lost too. A worker that lost its connection only
// comes back with what it has and goes on with what it runs.
//
// # Restart
//
// A scheduler with a log (package cluster/journal) writes down, before anybody hears
// of it, which jobs it accepts, what was decided about their late layers, and their
// end. The next one with the log accepts the same jobs, waits a while for the workers
// of before to tell what they have and run, and goes on from there; clients find
// their jobs by number. How far tasks are is never written: workers know it.
package cluster

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/graph"
)

// defaultScheduler is where a scheduler listens unless it is told otherwise.
const defaultScheduler = "127.0.0.1:9700"

// clusterFlags adds the flags that say where the scheduler is.
func (a *app) clusterFlags(c *cobra.Command, doc string) {
	c.Flags().StringVar(&a.at, "scheduler", a.at, doc)
	a.tokenFlag(c)
}

func (a *app) securityFlags(c *cobra.Command) {
	c.Flags().StringVar(&a.security.CA, "ca", "", "file with the cluster's CA certificate (needed off the loopback interface)")
	c.Flags().StringVar(&a.security.Cert, "cert", "", "file with this process's certificate")
	c.Flags().StringVar(&a.security.Key, "key", "", "file with its key")
	c.Flags().StringVar(&a.security.Revoked, "revoked", "", "file of certificates that are not valid any more, by lines with a name or serial:NUMBER; read again when it changes (default: none; with --issue revoked in that folder)")
}

// tokenFlag adds the flag for processes that can do without files.
func (a *app) tokenFlag(c *cobra.Command) {
	a.securityFlags(c)
	c.Flags().StringVar(&a.security.Token, "token", os.Getenv("WEFT_TOKEN"), "join token, in place of those three files (default: $WEFT_TOKEN)")
	c.Flag("token").DefValue = "" // it is a secret
}

// logger writes events for people, or JSON for programs.
func (a *app) logger() *slog.Logger {
	if a.json {
		return slog.New(slog.NewJSONHandler(a.errs, nil))
	}
	return slog.New(slog.NewTextHandler(a.errs, nil))
}

// engine returns what runs plans: this process or a cluster.
func (a *app) engine(ctx context.Context) (r graph.Runner, spilled func() int64, end func() error, err error) {
	if a.at == "" {
		r := a.runner()
		return r, r.Node().Spilled, r.Close, nil
	}
	c, err := cluster.Dial(ctx, a.at, cluster.Options{Name: "weft", Security: a.security})
	if err != nil {
		return nil, nil, nil, err
	}
	spilled = func() (n int64) {
		if st, err := c.State(ctx); err == nil {
			for _, w := range st.Workers {
				n += w.Spilled
			}
		}
		return n
	}
	return c, spilled, c.Close, nil
}

func (a *app) scheduler() *cobra.Command {
	listen, web, o := defaultScheduler, "", cluster.SchedulerOptions{}
	c := &cobra.Command{
		Use: "scheduler", Short: "Run the scheduler of a cluster", Args: cobra.NoArgs,
		Long:    "scheduler waits for workers and clients, and decides what the workers do. It computes nothing itself.",
		Example: "  weft scheduler\n  weft scheduler --log /var/lib/weft\n  weft scheduler --listen 10.0.0.5:9700 --ca ca.pem --cert scheduler.pem --key scheduler-key.pem",
		RunE: func(c *cobra.Command, _ []string) error {
			o.Security, o.Log = a.security, a.logger()
			s, err := cluster.Listen(listen, o)
			if err != nil {
				return err
			}
			o.Log.Info("scheduler", "address", s.Addr())
			ctx, cancel := context.WithCancel(c.Context())
			defer cancel()
			defer context.AfterFunc(ctx, func() { _ = s.Close() })()
			go func() { <-s.Done(); cancel() }()
			if web != "" {
				err = serveHTTP(ctx, web, s.Handler())
			}
			<-ctx.Done()
			return errors.Join(err, s.Close(), s.Deposed())
		},
	}
	c.Flags().StringVar(&listen, "listen", listen, "address to listen at")
	c.Flags().StringVar(&web, "http", "", "address for /healthz, /metrics and /state, without authentication (default: none)")
	c.Flags().StringVar(&o.Issue, "issue", "", "folder of 'weft cluster init': give certificates to those who have a join token (default: give none)")
	c.Flags().DurationVar(&o.Enrolled, "certificates-for", 30*24*time.Hour, "how long these are valid; processes have them renewed in time")
	c.Flags().StringVar(&o.Journal, "log", "", "folder for the log of accepted jobs, so that a scheduler started again goes on with them (default: none)")
	c.Flags().DurationVar(&o.Recover, "recover", 10*time.Second, "after such a start wait so long for the workers and clients of before")
	c.Flags().DurationVar(&o.Lease, "lease", 10*time.Second, "a worker or client that lost its connection may come back for so long")
	c.Flags().DurationVar(&o.Dead, "dead", 20*time.Second, "give up a worker that was silent for so long")
	c.Flags().DurationVar(&o.Grace, "grace", 5*time.Minute, "fail jobs when there has been no worker for so long")
	a.securityFlags(c)
	return c
}

// without returns the arguments but for one.
func without(args []string, not string) []string {
	return slices.DeleteFunc(slices.Clone(args), func(s string) bool { return s == not || s == not+"=true" })
}

// serveHTTP serves until ctx ends.
func serveHTTP(ctx context.Context, addr string, h http.Handler) error {
	srv := &http.Server{Addr: addr, Handler: h, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (a *app) worker() *cobra.Command {
	o, at, supervise, quota := cluster.WorkerOptions{}, defaultScheduler, false, ""
	c := &cobra.Command{
		Use: "worker", Short: "Run a worker of a cluster", Args: cobra.NoArgs,
		Long:    "worker joins the cluster of a scheduler and runs tasks within its memory budget until it is interrupted.",
		Example: "  weft worker\n  weft worker --scheduler 10.0.0.5:9700 --listen 10.0.0.6:0 --memory 8GiB --threads 8 --token $TOKEN",
		RunE: func(c *cobra.Command, _ []string) error {
			o.Threads, o.Memory, o.SpillDir, o.Security, o.Log = a.threads, a.budget, a.spillDir, a.security, a.logger()
			o.Supervised()
			if quota != "" {
				n, err := parseBytes(quota)
				if err != nil {
					return usageError{fmt.Errorf("--spill-limit: %w", err)}
				}
				o.Spill = n
			}
			if supervise {
				return cluster.Supervise(c.Context(), cluster.SuperviseOptions{Args: without(os.Args[1:], "--supervise"), SpillDir: a.spillDir, Log: o.Log})
			}
			w, err := cluster.Join(c.Context(), at, o)
			if err != nil {
				return err
			}
			o.Log.Info("worker", "name", w.Name(), "scheduler", at, "data", w.Addr())
			return w.Follow(c.Context())
		},
	}
	c.Flags().StringVar(&at, "scheduler", at, "address of the scheduler")
	c.Flags().StringVar(&o.Listen, "listen", "127.0.0.1:0", "address where other workers and clients fetch blocks")
	c.Flags().StringVar(&o.Advertise, "advertise", "", "address others are told, if it is not the one listened at")
	c.Flags().StringVar(&o.Name, "name", "", "name in the cluster (default: made of the host and the process)")
	c.Flags().BoolVar(&supervise, "supervise", false, "run the worker as a process of its own and start it again when it fails")
	c.Flags().StringVar(&quota, "spill-limit", "", "bytes that may be spilled, for example 20GB (default: as many as the disk takes)")
	c.Flags().DurationVar(&o.Stuck, "stuck", 10*time.Second, "start anew when a function runs on for so long after it was told to stop")
	c.Flags().StringSliceVar(&o.Labels, "labels", nil, "labels such as zone=a")
	c.Flags().StringSliceVar(&o.Resources, "resources", nil, "what tasks may ask for and how many there are, such as gpu=2")
	a.tokenFlag(c)
	return c
}

func (a *app) cluster() *cobra.Command {
	c := &cobra.Command{Use: "cluster", Short: "Clusters on this machine", Args: cobra.NoArgs, Example: "  weft cluster up -n 4",
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	n, listen := 2, defaultScheduler
	up := &cobra.Command{
		Use: "up", Short: "Start a scheduler and some workers as processes of this machine", Args: cobra.NoArgs,
		Long:    "up starts a scheduler and workers that share the memory budget and the threads evenly. Ctrl-C ends all of them.",
		Example: "  weft cluster up -n 4 --memory 4GiB",
		RunE: func(c *cobra.Command, _ []string) error {
			if n < 1 || n > 1000 {
				return usageError{fmt.Errorf("-n %d: want 1 to 1000", n)}
			}
			return a.up(c.Context(), n, listen)
		},
	}
	up.Flags().IntVarP(&n, "workers", "n", n, "workers")
	up.Flags().StringVar(&listen, "listen", listen, "address of the scheduler, on the loopback interface")
	var hosts []string
	dir, valid := "weft-certificates", 24*time.Hour
	initial := &cobra.Command{
		Use: "init", Short: "Make a certificate authority and certificates for a cluster of several machines", Args: cobra.NoArgs,
		Long: "init makes ca.pem and, for scheduler, worker and client, a certificate and its key. Every process needs ca.pem and\n" +
			"the two files of its role, with --ca, --cert and --key; or it has a join token, and the scheduler, which has all of the\n" +
			"folder then (--issue), makes a certificate for it. ca-key.pem and token-key are secrets. A token for workers is printed.",
		Example: "  weft cluster init --dir certs --hosts 10.0.0.5,10.0.0.6,node7",
		RunE: func(*cobra.Command, []string) error {
			if err := cluster.InitSecurity(dir, hosts); err != nil {
				return err
			}
			token, err := cluster.NewToken(dir, cluster.RoleWorker, valid)
			if err == nil {
				_, err = fmt.Fprintf(a.out, "certificates for %v are in %s\ntoken for workers, for %v: %s\n", append([]string{"localhost"}, hosts...), dir, valid, token)
			}
			return err
		},
	}
	role := "worker"
	token := &cobra.Command{
		Use: "token", Short: "Make a join token", Args: cobra.NoArgs,
		Long: "token prints a join token: with --token, or in the environment as WEFT_TOKEN, a worker or client has the scheduler make\n" +
			"a certificate for it, as often as it likes until the token expires. The process has its certificate renewed as long as it runs.",
		Example: "  weft cluster token --dir certs --role client --for 8h",
		RunE: func(*cobra.Command, []string) error {
			text, err := cluster.NewToken(dir, "weft-"+role, valid)
			if err == nil {
				_, err = fmt.Fprintln(a.out, text)
			}
			return err
		},
	}
	revoke := &cobra.Command{
		Use: "revoke NAME...", Short: "Take away certificates", Args: cobra.MinimumNArgs(1),
		Long: "revoke adds names to the file of certificates that are not valid any more: a scheduler with --issue expels who has one of\n" +
			"them within a second, lets it in no more and renews nothing for it. Workers and clients, which call each other, look at the\n" +
			"file with --revoked: who is named there is given nothing and not called, a scheduler that is named is left. In a certificate for a join token the name is that of\n" +
			"the process (--name of workers). Those that init has made have one name for each role, such as 'weft worker': serial:NUMBER\n" +
			"(hexadecimal) names one certificate. Who has a join token that has not expired can come back under another name.",
		Example: "  weft cluster revoke --dir certs node7",
		RunE:    func(_ *cobra.Command, names []string) error { return cluster.Revoke(dir, names...) },
	}
	for _, c := range []*cobra.Command{token, revoke} {
		c.Flags().StringVar(&dir, "dir", dir, "folder of 'weft cluster init'")
	}
	token.Flags().StringVar(&role, "role", role, "worker or client")
	for _, c := range []*cobra.Command{initial, token} {
		c.Flags().DurationVar(&valid, "for", valid, "how long the token is valid")
	}
	initial.Flags().StringVar(&dir, "dir", dir, "folder for the files")
	initial.Flags().StringSliceVar(&hosts, "hosts", nil, "names and addresses of the machines")
	c.AddCommand(up, initial, token, revoke)
	return c
}

// up runs a scheduler here and workers as processes of this command.
func (a *app) up(ctx context.Context, n int, listen string) error {
	log := a.logger()
	threads := cmp.Or(a.threads, runtime.GOMAXPROCS(0))
	l, err := cluster.Up(ctx, cluster.UpOptions{Workers: n, Listen: listen, Threads: (threads + n - 1) / n, Memory: max(64<<20, a.budget/int64(n)),
		SpillDir: a.spillDir, Scheduler: cluster.SchedulerOptions{Log: log}})
	if err != nil {
		return err
	}
	log.Info("cluster is up", "scheduler", l.Addr(), "workers", n)
	select {
	case <-ctx.Done():
	case <-l.Gone():
		err = errors.New("all workers have ended")
	}
	return errors.Join(err, l.Close())
}

func (a *app) status() *cobra.Command {
	at := defaultScheduler
	c := &cobra.Command{
		Use: "status", Short: "Show the workers and jobs of a cluster", Args: cobra.NoArgs, Example: "  weft status\n  weft status --json",
		RunE: func(c *cobra.Command, _ []string) (err error) {
			ctx, cancel := context.WithTimeout(c.Context(), 10*time.Second)
			defer cancel()
			cl, err := cluster.Dial(ctx, at, cluster.Options{Name: "status", Security: a.security, Wait: -1})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, cl.Close()) }()
			st, err := cl.State(ctx)
			if err != nil {
				return err
			}
			if a.json {
				return a.print(st)
			}
			return a.printStatus(&st)
		},
	}
	c.Flags().StringVar(&at, "scheduler", at, "address of the scheduler")
	a.tokenFlag(c)
	return c
}

// printStatus prints workers and jobs as tables.
func (a *app) printStatus(st *cluster.State) error {
	fmt.Fprintf(a.out, "scheduler %s, up %v, %s tasks done\n", st.Address, time.Duration(st.Uptime*1e9).Round(time.Second), wordCount(st.Finished))
	w := table.NewWriter()
	w.SetOutputMirror(a.out)
	w.SetStyle(table.StyleLight)
	w.AppendHeader(table.Row{"worker", "address", "slots", "tasks", "done", "memory", "spilled"})
	for _, x := range st.Workers {
		memory := wordBytes(x.Used)
		if x.Memory > 0 {
			memory += " of " + wordBytes(x.Memory)
		}
		w.AppendRow(table.Row{x.Name, x.Address, x.Slots, x.Busy, wordCount(x.Done), memory, wordBytes(x.Spilled)})
	}
	w.Render()
	if len(st.Jobs) == 0 {
		return nil
	}
	w = table.NewWriter()
	w.SetOutputMirror(a.out)
	w.SetStyle(table.StyleLight)
	w.AppendHeader(table.Row{"job", "client", "seconds", "at", "made", "of"})
	for _, x := range st.Jobs {
		at, made, of := "", int64(0), int64(0)
		for _, l := range x.Layers {
			made, of = made+int64(l.Made), of+int64(max(l.N, 1))
			if l.Made < max(l.N, 1) {
				at = cmp.Or(at, l.Op)
			}
		}
		w.AppendRow(table.Row{x.ID, x.Client, strconv.FormatFloat(x.Seconds, 'f', 1, 64), at, made, of})
	}
	w.Render()
	return nil
}

package cluster

import (
	"encoding/json"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler serves what people and programs want to know of a scheduler:
//
//	/healthz  200 while it works, 503 when no worker is up
//	/state    JSON: see State
//	/metrics  for Prometheus
//
// It tells names of operators and workers and no data; who may ask is the
// program's business.
func (s *Scheduler) Handler() http.Handler {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collector{s})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if s.Workers() == 0 {
			http.Error(w, "no worker is up", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s.State())
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	return mux
}

// A collector makes metrics of the scheduler's state when they are asked for.
type collector struct{ s *Scheduler }

var (
	descWorkers = prometheus.NewDesc("weft_workers", "Workers that are up.", nil, nil)
	descJobs    = prometheus.NewDesc("weft_jobs", "Jobs that run or hold blocks.", nil, nil)
	descDone    = prometheus.NewDesc("weft_tasks_done_total", "Tasks that were done.", nil, nil)
	descBusy    = prometheus.NewDesc("weft_worker_tasks", "Tasks a worker was given and has not reported.", []string{"worker"}, nil)
	descSlots   = prometheus.NewDesc("weft_worker_slots", "Tasks a worker runs at the same time.", []string{"worker"}, nil)
	descUsed    = prometheus.NewDesc("weft_worker_memory_bytes", "Bytes of buffers in use.", []string{"worker"}, nil)
	descSpilled = prometheus.NewDesc("weft_worker_spilled_bytes_total", "Bytes written to spill files.", []string{"worker"}, nil)
	descBroken  = prometheus.NewDesc("weft_worker_broken_streams_total", "Streams of blocks of a worker that others found broken.", []string{"worker"}, nil)
	descLink    = prometheus.NewDesc("weft_link_bytes_per_second", "Bytes of blocks a second that come to a worker from another, a mean of what was measured.", []string{"worker", "from"}, nil)
)

// Describe implements prometheus.Collector.
func (c collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descWorkers, descJobs, descDone, descBusy, descSlots, descUsed, descSpilled, descBroken, descLink} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	st := c.s.State()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(descWorkers, float64(len(st.Workers)))
	gauge(descJobs, float64(len(st.Jobs)))
	out <- prometheus.MustNewConstMetric(descDone, prometheus.CounterValue, float64(st.Finished))
	for _, w := range st.Workers {
		gauge(descBusy, float64(w.Busy), w.Name)
		gauge(descSlots, float64(w.Slots), w.Name)
		gauge(descUsed, float64(w.Used), w.Name)
		out <- prometheus.MustNewConstMetric(descSpilled, prometheus.CounterValue, float64(w.Spilled), w.Name)
		out <- prometheus.MustNewConstMetric(descBroken, prometheus.CounterValue, float64(w.Broken), w.Name)
		for _, l := range w.Links {
			gauge(descLink, l.Rate, w.Name, l.From)
		}
	}
}

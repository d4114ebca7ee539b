# The one task runner. Every check is a step of .ci/run, so that both do the same.

RUNS  ?= 200000
SEEDS ?= 20000
COUNT ?= 6
BENCH ?= .
PKG   ?= ./benchmarks/suite

.PHONY: help check test race sim fuzz bench results baseline gen ci

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

check: ## what to run before every commit: gofmt, vet, staticcheck, archtest, short tests
	@.ci/run gofmt vet staticcheck arch short

test: ## all tests
	@.ci/run test

race: ## the race detector on the scheduler and the cluster
	@.ci/run race

sim: ## whole clusters in virtual time, SEEDS=20000
	@SEEDS=$(SEEDS) .ci/run sim

fuzz: ## every fuzz target, RUNS=200000 times
	@RUNS=$(RUNS) .ci/run fuzz

bench: ## benchmarks, against benchmarks/baseline/bench.txt when it exists; BENCH=. PKG=./benchmarks/suite COUNT=6
	@mkdir -p bin
	go test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) $(PKG) > bin/bench.txt || { cat bin/bench.txt; exit 1; }
	@if [ -f benchmarks/baseline/bench.txt ]; then set -- benchmarks/baseline/bench.txt; else set --; fi; \
		go tool -modfile=tools/go.mod benchstat "$$@" bin/bench.txt

results: ## measure everything beside the peers, about an hour: benchmarks/RESULTS.md, README.md, bin/results/report.html
	@benchmarks/results.sh

baseline: ## make the last run of bench the baseline
	mkdir -p benchmarks/baseline && cp bin/bench.txt benchmarks/baseline/bench.txt

gen: ## write all generated files
	@.ci/run generate

ci: ## everything, as the build machine does
	@.ci/run

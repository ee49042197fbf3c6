# Everything a person needs: `make run` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
export PATH := $(CURDIR)/.tools/bin:$(PATH)
export CGO_ENABLED ?= 0

GO      ?= go
TOOL    := $(GO) tool -modfile=$(CURDIR)/tools/go.mod
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
FUZZTIME ?= 5s
PKGS    := ./...

.DEFAULT_GOAL := help
.PHONY: build run test lint cross bench bench-forward ui fuzz fuzz-short race soak help tools-test clean

build: ## build both binaries into bin/ (static, no cgo)
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/journalist ./cmd/scribe

run: build ## build, start journalist and a scribe that ships this machine's logs, print the link to the page
	@$(GO) build -o bin/run ./packaging/run && exec bin/run -bin bin -data data

test: tools-test ui-test ## install what the tests need and run them all: Go, page, fuzzers (short), end to end, browser
	$(GO) test -timeout 20m $(PKGS)
	$(MAKE) --no-print-directory fuzz-short

tools-test: ## install what the tests need (Node.js, Chromium, logrotate, rsyslog, journalctl)
	@test/setup.sh

.PHONY: ui-test
ui-test: ui/node_modules/.package-lock.json
	cd ui && npm run --silent check && npm test --silent

ui: tools-test ui/node_modules/.package-lock.json ## build the page into ui/dist
	cd ui && npm run --silent build

ui/node_modules/.package-lock.json: ui/package-lock.json
	cd ui && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

race: ## the tests of internal/ under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -timeout 30m ./internal/...

soak: ## the random tests for long: JOURNALIST_SOAK (20) times their size, CHAOS_STEPS (2000) faults in one run, SCARCE_RUNS (30) with too little of everything, SIM_TIME (2h) of the simulated forwarder
	@GO="$(GO)" test/soak.sh

fuzz: ## every fuzzer for FUZZTIME, 5m if not set
	@GO="$(GO)" FUZZTIME=$(if $(filter command line environment,$(origin FUZZTIME)),$(FUZZTIME),5m) test/fuzz.sh

lint: ## gofumpt, vet, staticcheck, errcheck
	@out=$$($(TOOL) gofumpt -l $$(git ls-files '*.go')); if [ -n "$$out" ]; then echo "gofumpt would change:"; echo "$$out"; exit 1; fi
	$(GO) vet $(PKGS)
	$(TOOL) staticcheck $(PKGS)
	$(TOOL) errcheck -exclude tools/errcheck.txt $(PKGS)

# What scribe is made of, for other systems; the packages whose tests only make
# sense on Linux are built, the others vetted with their tests.
CROSS = windows/amd64 darwin/arm64
CROSS_VET = ./cmd/scribe ./internal/tail ./internal/frame ./internal/registry ./internal/vfs ./internal/ship ./internal/lumberjack ./internal/rules ./internal/discover ./internal/facts ./internal/config

cross: ## scribe and its tests for other systems
	@for t in $(CROSS); do echo "cross: $$t"; CGO_ENABLED=0 GOOS=$${t%/*} GOARCH=$${t#*/} $(GO) vet $(CROSS_VET) && \
	  CGO_ENABLED=0 GOOS=$${t%/*} GOARCH=$${t#*/} $(GO) build -o /dev/null ./cmd/scribe || exit 1; done

fuzz-short: ## every fuzzer for FUZZTIME (5s)
	@GO="$(GO)" FUZZTIME=$(FUZZTIME) test/fuzz.sh

bench: build ## measure the whole way of a line (LINES, FILE); with CORPUS=folder the store on real logs, RIVAL=binary beside VictoriaLogs (SETS, MADE, ALONE, GROWTH, OUT)
ifdef CORPUS
	$(GO) run ./bench/engine -bin bin -corpus '$(CORPUS)' $(if $(RIVAL),-rival '$(RIVAL)') $(if $(SETS),-sets '$(SETS)') $(if $(MADE),-made $(MADE)) $(if $(OUT),-out '$(OUT)') $(if $(ALONE),-alone) $(if $(GROWTH),-growth)
else
	$(GO) run ./bench/way -bin bin $(if $(LINES),-lines $(LINES)) $(if $(FILE),-file $(FILE))
endif

bench-forward: build ## measure scribe alone: one file, many, busy and quiet ones (LSF=, FLUENTBIT=: binaries to measure beside it, RUNS, ONLY)
	$(GO) run ./bench/forward -bin bin $(if $(RUNS),-runs $(RUNS)) $(if $(ONLY),-only $(ONLY)) $(if $(LSF),-logstash-forwarder '$(LSF)') $(if $(FLUENTBIT),-fluent-bit '$(FLUENTBIT)')

clean: ## remove what was built, not data/
	rm -rf bin .tools ui/node_modules

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

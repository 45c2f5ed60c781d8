# What CONTRIBUTING calls the check is "make check"; .ci/run runs it and what needs servers.
GO ?= go
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: build check format lint test bench soak fuzz deep release update

build:                 ## the program, as ./tocsin
	CGO_ENABLED=0 $(GO) build -trimpath -o tocsin ./cmd/tocsin

check: format lint test ## what must hold before a change is handed over

format:
	@out=$$(gofmt -l .); if [ -n "$$out" ]; then echo "gofmt -w these:"; echo "$$out"; exit 1; fi

lint:
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) test -count=1 -run 'TestRooms|TestLinked' ./cmd

# A process that the race detector is in waits a second before it ends, and many tests start some.
test:
	GORACE=atexit_sleep_ms=20 $(GO) test -race -shuffle=on ./...

bench:                 ## every figure beside its goal, as a table, JSON and a plot, in bin/bench; 20 minutes. OUT=folder; PARTS="run websocket serve"
	PARTS="$(PARTS)" bash testdata/bench/all $(or $(OUT),bin/bench)

soak:                  ## a thousand websocket subscriptions through restarts, 10 minutes; TIME=3m for less
	TOCSIN_SOAK=$(or $(TIME),10m) $(GO) test -count=1 -timeout 0 -v -run 'TestSoak$$' ./providers/websocket

fuzz:                  ## 20 s for each fuzz target; TIME=5m for longer
	bash testdata/bench/fuzz $(or $(TIME),20s)

deep:                  ## what the check tries a few times, tried often; 50 minutes, and a report. PARTS="store model" for some of it
	bash .ci/deep $(PARTS)

release:               ## static binaries for six platforms, with licences, SBOM and checksums, in dist/
	bash .ci/release dist $(PLATFORMS)

update:                ## rewrite golden files and references; read them before you commit
	$(GO) test ./... -update

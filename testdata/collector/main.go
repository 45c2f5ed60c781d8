// Collector prints the spans that it is sent: what OpenTelemetry's Collector makes of
// them, whose decoder this is. It says first where it listens.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

func main() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", l.Addr())
	log.Fatal(http.Serve(l, http.HandlerFunc(receive)))
}

// receive is POST /v1/traces of OTLP/HTTP.
func receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, "no request of OTLP as JSON", http.StatusBadRequest)
		return
	}
	request := ptraceotlp.NewExportRequest()
	if err := request.UnmarshalJSON(body); err != nil {
		fmt.Fprintln(os.Stderr, err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	traces := request.Traces()
	for _, rs := range traces.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				show(rs.Resource().Attributes().AsRaw()["service.name"], ss.Scope().Name(), s)
			}
		}
	}
	answer, _ := ptraceotlp.NewExportResponse().MarshalJSON()
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer)
}

// show prints a span in a line.
func show(service any, scope string, s ptrace.Span) {
	fmt.Printf("%v %s trace=%s span=%s parent=%s state=%q flags=%d name=%q kind=%s took=%s status=%s %q attributes=%v",
		service, scope, s.TraceID(), s.SpanID(), s.ParentSpanID(), s.TraceState().AsRaw(), s.Flags(), s.Name(), s.Kind(),
		s.EndTimestamp().AsTime().Sub(s.StartTimestamp().AsTime()), s.Status().Code(), s.Status().Message(), s.Attributes().AsRaw())
	for _, e := range s.Events().All() {
		fmt.Printf(" event=%q %v", e.Name(), e.Attributes().AsRaw())
	}
	fmt.Println()
}

package rest_test

import (
	"net/http"
	"testing"

	"tocsin/providers"
	"tocsin/providers/rest"
)

// A request says where the call that it is made for stands in a trace: to who is asked,
// and not to whom that one sends it on.
func TestTraceIsPassedOn(t *testing.T) {
	here := providers.Trace{Parent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", State: "a=1"}
	var last providers.Trace
	elsewhere := serve(t, func(_ http.ResponseWriter, r *http.Request) { last = providers.TraceOf(r.Header) })
	asked := serve(t, func(w http.ResponseWriter, r *http.Request) {
		last = providers.TraceOf(r.Header)
		if r.URL.Path == "/away" {
			http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
		}
	})
	tests := []struct {
		name   string
		origin providers.Trace
		url    string
		header map[string]string
		want   providers.Trace
	}{
		{"in a trace", here, asked, nil, here},
		{"in none", providers.Trace{}, asked, nil, providers.Trace{}},
		{"redirected to another host", here, asked + "/away", nil, providers.Trace{}},
		{"the author says another", here, asked, map[string]string{"traceparent": "00-" + "11111111111111111111111111111111" + "-2222222222222222-00"},
			providers.Trace{Parent: "00-11111111111111111111111111111111-2222222222222222-00"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx := providers.WithOrigin(t.Context(), providers.Origin{Trace: tt.origin})
			if _, err := rest.Do(ctx, client(t), rest.Request{URL: tt.url, Header: tt.header}); err != nil || last != tt.want {
				t.Errorf("%+v, %v; want %+v", last, err, tt.want)
			}
		})
	}
}

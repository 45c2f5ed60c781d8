package http

import (
	"io"
	"net/http"

	"tocsin/providers"
)

// demo is a web server of one page, which stands in for example.com.
var demo = &providers.Demo{
	Handler: func(say func(string)) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			say(r.Method + " " + r.URL.Path)
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(w, "<!doctype html>\n<title>Example Domain</title>\n") // the client may have gone
		})
	},
	With: map[string]string{"url": "http://{host}/"},
}

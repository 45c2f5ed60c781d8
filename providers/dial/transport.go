package dial

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxRedirects is how often a request may be sent elsewhere.
const maxRedirects = 5

// ErrRedirects is the error of a request that was redirected more than five times.
var ErrRedirects = errors.New("redirected more than 5 times")

// Transport is an HTTP transport over d: HTTP/2 where the server has it, TLS 1.2 or
// later, no proxies of the environment. It has no deadlines of its own: those of the
// request's context count. The system's certificates are read at the first handshake.
func (d *Dialer) Transport() *http.Transport {
	return &http.Transport{
		DialContext:            d.DialContext,
		ForceAttemptHTTP2:      true,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		MaxIdleConns:           100,
		IdleConnTimeout:        90 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 256 << 10,
	}
}

// Client is an HTTP client over Transport: at most 5 redirects, and headers that the
// caller set are dropped when the host changes. CloseIdleConnections ends what it
// keeps open.
func (d *Dialer) Client() *http.Client {
	return &http.Client{Transport: d.Transport(), CheckRedirect: CheckRedirect}
}

// CheckRedirect is the redirect policy of Client, for clients over other transports.
func CheckRedirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return ErrRedirects
	}
	if scheme := req.URL.Scheme; scheme != "http" && scheme != "https" {
		return fmt.Errorf("redirected to a %q address", scheme)
	}
	if elsewhere(req, via[0]) {
		strip(req)
	}
	return nil
}

// elsewhere says that req goes to another host or port than first, or in the clear
// where first did not. The standard library keeps headers for subdomains too; a token
// for example.com is not meant for user-pages.example.com.
func elsewhere(req, first *http.Request) bool {
	return place(req.URL) != place(first.URL) || first.URL.Scheme == "https" && req.URL.Scheme == "http"
}

// place is a URL's host and port, without the port that its scheme has anyway.
func place(u *url.URL) string {
	host := strings.ToLower(u.Host)
	if u.Scheme == "https" {
		return strings.TrimSuffix(host, ":443")
	}
	return strings.TrimSuffix(host, ":80")
}

// strip leaves the headers that describe the message and says nothing of the rest,
// including the Referer, which may have a key in its query.
func strip(req *http.Request) {
	kept := http.Header{}
	for _, name := range []string{"Accept", "Content-Type", "User-Agent"} {
		if v, ok := req.Header[name]; ok {
			kept[name] = v
		}
	}
	req.Header = kept
}

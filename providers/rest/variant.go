package rest

import (
	"crypto/tls"
	"net/http"
	"net/url"
)

// A Variant says how a client differs from the one that all providers share.
type Variant struct {
	// Insecure takes any certificate.
	Insecure bool
	// Proxy returns the proxy for a request, or nil; nil: there is none. The egress
	// guard holds for the proxy; where that connects to is its own affair.
	Proxy func(*http.Request) (*url.URL, error)
	// Stay returns redirects instead of following them.
	Stay bool
}

// Client is c with v's differences; done closes the connections it keeps for itself.
// A c whose transport is not an *http.Transport, as in tests, keeps its transport.
func (v Variant) Client(c *http.Client) (client *http.Client, done func()) {
	varied := *c
	done = func() {}
	if v.Stay {
		varied.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	shared, ok := c.Transport.(*http.Transport)
	if !ok || !v.Insecure && v.Proxy == nil {
		return &varied, done
	}
	own := shared.Clone()
	if v.Proxy != nil {
		own.Proxy = v.Proxy
	}
	if v.Insecure {
		if own.TLSClientConfig == nil {
			own.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		own.TLSClientConfig.InsecureSkipVerify = true
	}
	varied.Transport = own
	return &varied, own.CloseIdleConnections
}

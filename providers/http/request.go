package http

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"tocsin/providers/rest"
	"tocsin/templating/value"
)

// build makes the request. Its errors do not quote the URL.
func (r Request) build(ctx context.Context) (*http.Request, error) {
	u, err := rest.ParseURL(r.URL)
	if err != nil {
		return nil, err
	}
	u.RawQuery = join(u.RawQuery, query(r.Params), "&")
	body, contentType := r.body()
	var req *http.Request
	if contentType == "" {
		req, err = http.NewRequestWithContext(ctx, r.Method, u.String(), http.NoBody)
	} else {
		req, err = http.NewRequestWithContext(ctx, r.Method, u.String(), strings.NewReader(body))
	}
	if err != nil {
		return nil, fmt.Errorf("the request cannot be made")
	}
	r.header(req, contentType)
	return req, nil
}

func (r Request) header(req *http.Request, contentType string) {
	req.Header.Set("User-Agent", rest.UserAgent)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for name, v := range r.Cookies.All() {
		req.AddCookie(&http.Cookie{Name: name, Value: value.Text(v)})
	}
	if r.Auth != nil {
		req.SetBasicAuth(r.Auth.User, string(r.Auth.Password))
	}
	for name, v := range r.Headers.All() {
		if strings.EqualFold(name, "Host") {
			req.Host = value.Text(v)
			continue
		}
		if v != nil {
			req.Header.Set(name, value.Text(v))
		}
	}
}

// body is what to send, and its type; "" is nothing at all.
func (r Request) body() (text, contentType string) {
	switch data := r.Data.(type) {
	case nil:
	case *value.Map:
		return query(data), "application/x-www-form-urlencoded"
	default:
		return value.Text(data), "text/plain; charset=utf-8"
	}
	switch {
	case r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions:
		return "", ""
	case r.Body != nil:
		return string(value.AppendJSON(nil, r.Body)), "application/json"
	case r.Method == http.MethodPost:
		return "{}", "application/json" // as Keep does
	}
	return "", ""
}

// query is a mapping as a URL's query, in its order; null is left out.
func query(m *value.Map) string {
	var pairs []string
	for name, v := range m.All() {
		for _, item := range items(v) {
			pairs = append(pairs, url.QueryEscape(name)+"="+url.QueryEscape(value.Text(item)))
		}
	}
	return strings.Join(pairs, "&")
}

// items are those of a list; null has none, and anything else is one.
func items(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

func join(a, b, between string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + between + b
}

// proxy chooses among r.Proxies as Python's requests does: by scheme and host, scheme,
// then all. It is nil where there are none. Errors do not quote the address, which may
// have a password.
func (r Request) proxy() (func(*http.Request) (*url.URL, error), error) {
	if r.Proxies.Len() == 0 {
		return nil, nil
	}
	proxies := map[string]*url.URL{}
	for scheme, v := range r.Proxies.All() {
		text := value.Text(v)
		if text == "" {
			continue
		}
		u, err := proxyURL(text)
		if err != nil {
			return nil, fmt.Errorf("proxies: %s: %w", scheme, err)
		}
		proxies[strings.ToLower(scheme)] = u
	}
	return func(req *http.Request) (*url.URL, error) {
		host := strings.ToLower(req.URL.Hostname())
		for _, k := range []string{req.URL.Scheme + "://" + host, req.URL.Scheme, "all://" + host, "all"} {
			if u, ok := proxies[k]; ok {
				return u, nil
			}
		}
		return nil, nil
	}, nil
}

func proxyURL(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("not an address; write it as http://proxy:3128")
	}
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
		return u, nil
	}
	return nil, fmt.Errorf("%q is not a kind of proxy; there are http, https, socks5 and socks5h", u.Scheme)
}

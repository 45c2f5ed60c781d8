package server

import (
	"context"
	"crypto/subtle"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"tocsin/engine/store"
)

// A guard decides who may do what, and how often.
type guard struct {
	s       *Server
	guesses *buckets // by address: wrong keys
	rate    *buckets // by key: deliveries

	mu    sync.Mutex
	known map[string]knownKey // by key: of those that let somebody in lately
	keys  int                 // that were ever made; -1: nobody has counted
	until time.Time           // when to count again
}

// A knownKey let somebody in lately: its address need not wait although others guess
// from there.
type knownKey struct{ used time.Time }

const (
	maxKnown  = 10_000
	usedEvery = time.Minute      // how often the use of a key is written down
	countFor  = 10 * time.Second // how long a count of keys is believed
)

func newGuard(s *Server) *guard {
	g := &guard{s: s, known: map[string]knownKey{}, keys: -1}
	g.guesses = &buckets{rate: 1, burst: float64(s.Limits.Guesses)}
	g.rate = &buckets{rate: float64(s.Limits.Ingest), burst: float64(s.Limits.Ingest)}
	return g
}

// admit lets c.who ask c.route, or says why not.
func (g *guard) admit(c *call) error {
	if err := g.sameSite(c); err != nil {
		return err
	}
	if c.route.needs == public {
		return nil
	}
	if c.route.needs == denied {
		return forbidden(c)
	}
	if err := g.identify(c); err != nil {
		return err
	}
	if t, ok := c.w.(*tracked); ok {
		t.who = c.who.name
	}
	if !c.unkeyed && !c.who.can(c.route.needs) {
		return forbidden(c)
	}
	return g.pace(c)
}

func forbidden(c *call) error {
	return refuse(http.StatusForbidden, "You don't have the required permissions to access this resource: %s needs %q", c.route.pattern(), c.route.needs.name())
}

// pace slows deliveries down.
func (g *guard) pace(c *call) error {
	if c.route.needs != ingesting || c.who.local || g.s.Limits.Ingest < 0 {
		return nil
	}
	token := c.who.id
	if c.unkeyed {
		token = "address " + g.address(c.Request)
	}
	if wait := g.rate.take(token, g.s.Now()); wait > 0 {
		return later(http.StatusTooManyRequests, wait, "more than %d deliveries a second", g.s.Limits.Ingest)
	}
	return nil
}

// sameSite keeps pages of others from using a browser that can reach us: by a name of
// theirs that leads here (rebinding), or by sending something to our name.
func (g *guard) sameSite(c *call) error {
	if onSocket(c.Context()) {
		return nil
	}
	if !g.s.Listen.names(c.Host) {
		return refuse(http.StatusMisdirectedRequest, "this server is not called %q: say --host to have it answer to that", short(c.Host))
	}
	if !c.route.mutates() {
		return nil
	}
	switch c.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return refuse(http.StatusForbidden, "a page of another site sent this")
	}
	origin := c.Header.Get("Origin")
	if origin == "" {
		return nil
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || !strings.EqualFold(u.Host, c.Host) && !g.s.Listen.listed(u.Hostname()) {
		return refuse(http.StatusForbidden, "a page of another site sent this")
	}
	return nil
}

// identify finds out who asks.
func (g *guard) identify(c *call) error {
	key := credential(c)
	switch {
	case onSocket(c.Context()):
		c.who = caller{name: "local", role: "admin", may: granted("admin", nil), local: true}
		return nil
	case g.open(c.Request):
		// Whatever key it shows: there are none, and Keep's command line always shows one.
		c.who = caller{name: "local", role: "admin", may: granted("admin", nil), local: true}
		return nil
	case key == "" && c.route.signed && g.s.Checks != nil:
		c.unkeyed, c.who = true, caller{name: "signed"}
		return nil
	case key == "":
		return refuse(http.StatusUnauthorized, "Missing credentials: send X-API-KEY, or Authorization: Bearer")
	}
	return g.check(c, key)
}

// check lets the holder of a key in. Addresses from which many wrong ones came wait,
// but for the holders of keys that were right lately.
func (g *guard) check(c *call, key string) error {
	from, now := g.address(c.Request), g.s.Now()
	hash := hashKey(key)
	g.mu.Lock()
	known, seen := g.known[string(hash)]
	g.mu.Unlock()
	if !seen {
		if wait := g.guesses.left(from, now); wait > 0 {
			return later(http.StatusTooManyRequests, wait, "too many wrong keys came from this address")
		}
	}
	k, err := g.s.Store.APIKey(c.Context(), hash)
	switch {
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return err
	case err != nil, subtle.ConstantTimeCompare(k.Hash, hash) != 1, !usable(k, now):
		g.forget(hash)
		g.guesses.take(from, now)
		return refuse(http.StatusUnauthorized, "Invalid API Key")
	}
	c.who = caller{id: k.ID, name: k.Name, role: k.Role, may: granted(k.Role, k.Scopes)}
	g.used(c, k, string(hash), known, now)
	return nil
}

// used notes that a key let somebody in: on disk, but not each time.
func (g *guard) used(c *call, k store.APIKey, hash string, known knownKey, now time.Time) {
	if now.Sub(known.used) < usedEvery {
		return
	}
	g.mu.Lock()
	if len(g.known) >= maxKnown {
		clear(g.known)
	}
	g.known[hash] = knownKey{now}
	g.mu.Unlock()
	if err := g.s.Store.UseAPIKey(c.kept(), k.ID, now); err != nil {
		g.s.Log.Warn("the use of a key cannot be noted", "key", k.Name, "problem", err)
	}
}

func (g *guard) forget(hash []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.known, string(hash))
}

// changed says that keys changed.
func (g *guard) changed() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.keys = -1
	clear(g.known)
}

// open says that a request needs no key: it is from this machine, to a server that
// listens on it only and has no keys. What a proxy passes on is from elsewhere.
func (g *guard) open(r *http.Request) bool {
	if !g.s.Listen.loopback() || g.s.Listen.BehindProxy || r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "" {
		return false
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if ip, bad := netip.ParseAddr(host); err != nil || bad != nil || !ip.IsLoopback() {
		return false
	}
	return g.noKeys(r.Context())
}

func (g *guard) noKeys(ctx context.Context) bool {
	now := g.s.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.keys < 0 || now.After(g.until) {
		all, err := g.s.Store.APIKeys(ctx)
		if err != nil {
			return false
		}
		// One that is over, or was revoked, closes the door all the same: somebody wanted it
		// closed.
		g.keys, g.until = len(all), now.Add(countFor)
	}
	return g.keys == 0
}

// credential is the key that a request shows (spec §10.1); "": none. In the URL it
// counts only for the routes that say so.
func credential(c *call) string {
	if key := c.Header.Get("X-Api-Key"); key != "" {
		return key
	}
	if _, password, ok := c.BasicAuth(); ok {
		return password
	}
	scheme, key, _ := strings.Cut(c.Header.Get("Authorization"), " ")
	switch strings.ToLower(scheme) {
	case "bearer", "digest":
		return strings.TrimSpace(key)
	}
	if c.route.url {
		return c.query.Get("api_key")
	}
	return ""
}

// address is who sent a request, as far as guesses are counted: an address of IPv4, or
// a network of IPv6. Behind a proxy it is the last that the proxy says.
func (g *guard) address(r *http.Request) string {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	if g.s.Listen.BehindProxy {
		// A proxy adds to the header, or adds another one: only the very last is its word.
		all := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		if last := strings.TrimSpace(all[len(all)-1]); last != "" {
			host = last
		}
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return "unknown"
	}
	if ip = ip.Unmap(); ip.Is6() {
		if network, err := ip.WithZone("").Prefix(64); err == nil {
			return network.String()
		}
	}
	return ip.String()
}

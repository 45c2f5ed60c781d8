package websocket

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/providers/dial"
)

// nameServer answers over UDP and TCP with the addresses of names; it knows no others.
func nameServer(t testing.TB, names map[string]string) (address string) {
	t.Helper()
	var conn net.PacketConn
	for conn == nil { // a port that is free in both protocols
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if conn, err = net.ListenPacket("udp", l.Addr().String()); err != nil {
			conn = nil
			l.Close()
			continue
		}
		serveOn(t, l, func(p *peer) { serveNames(p, names) })
	}
	done := make(chan bool)
	t.Cleanup(func() { conn.Close(); <-done })
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(dnsAnswer(buf[:n], names), from)
		}
	}()
	return conn.LocalAddr().String()
}

// serveNames does the same over TCP.
func serveNames(p *peer, names map[string]string) {
	for {
		n := int(binary.BigEndian.Uint16(p.take(2)))
		if n == 0 {
			return
		}
		answer := dnsAnswer(p.take(n), names)
		p.say(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer)
	}
}

// dnsAnswer answers a question (RFC 1035): with an address of the kind asked for, or
// that there is none.
func dnsAnswer(question []byte, names map[string]string) []byte {
	if len(question) < 17 {
		return nil
	}
	var labels []string
	at := 12
	for question[at] != 0 {
		n := int(question[at])
		labels = append(labels, string(question[at+1:at+1+n]))
		at += 1 + n
	}
	end := at + 5
	kind := binary.BigEndian.Uint16(question[at+1:])
	answer := slices.Clone(question[:end])
	answer[2], answer[3] = 0x81, 0x80
	for i := 6; i < 12; i++ {
		answer[i] = 0
	}
	list, known := names[strings.ToLower(strings.Join(labels, "."))]
	if !known {
		answer[3] |= 3 // NXDOMAIN
	}
	for text := range strings.SplitSeq(list, ",") {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Is4() != (kind == 1) || kind != 1 && kind != 28 {
			continue
		}
		answer[7]++
		answer = append(answer, 0xC0, 12, 0, byte(kind), 0, 1, 0, 0, 0, 60, 0, byte(len(a.AsSlice())))
		answer = append(answer, a.AsSlice()...)
	}
	return answer
}

// A name server of one's own is asked for the name as it stands, without the domains
// that this machine searches.
func TestNameServer(t *testing.T) {
	address := serve(t, echo)
	_, port, _ := net.SplitHostPort(address)
	server := nameServer(t, map[string]string{"feed.test": "127.0.0.1", "meta.test": "169.254.169.254", "six.test": "::1"})
	for yaml, wanted := range map[string]string{
		"url: ws://feed.test:" + port:  "ok",
		"url: ws://FEED.test.:" + port: "ok",
		"url: ws://other.test:" + port: "dns_failed",
		"url: ws://meta.test:" + port:  "blocked_address",
		"url: ws://" + address:         "ok", // nobody needs to be asked
		"url: ws://six.test:" + port + "\nip_family: ipv4\nip_family_fallback: false": "dns_failed",
	} {
		r := ask(t, "timeout: 20\ndata: hi\ndns_server: udp://"+server+"\n"+yaml)
		want(t, yaml, outcome(r), wanted)
		if wanted == "dns_failed" {
			want(t, "retryable", r.Error.Retryable, false)
		}
	}
	r := ask(t, "timeout: 20\ndata: hi\ndns_server: tcp://"+server+"\nurl: ws://feed.test:"+port)
	want(t, "over TCP", outcome(r), "ok")
	r = ask(t, "timeout: 1\nurl: ws://feed.test\ndns_server: udp://169.254.169.254:53")
	want(t, "a name server that the policy forbids", outcome(r), "blocked_address")
	r = ask(t, "timeout: 20\nurl: ws://feed.test\ndns_server: tcp://"+refused(t))
	want(t, "a name server that is not there", outcome(r), "dns_failed")
}

// A name server that the policy forbids is not asked, and what it would say of names is
// judged like any other address.
func TestRebinding(t *testing.T) {
	server := nameServer(t, map[string]string{"rebind.test": "127.0.0.1,8.8.8.8", "all.test": "10.0.0.1,192.168.1.1,169.254.169.254"})
	set := &settings{}
	set.dns, set.family = server, "auto"
	d := set.over(&dial.Dialer{})
	tr := &transport{set: set}
	public := *d
	public.Public = true
	// The server itself is on loopback, which a strict policy forbids.
	if _, err := tr.lookup(t.Context(), &public, "rebind.test", "80"); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("%v", err)
	}
	// Given by --resolve, so that nobody is asked: of several addresses those that are
	// forbidden are left out, and where all are, so is the name.
	for list, wanted := range map[string]string{"127.0.0.1,8.8.8.8": "[8.8.8.8]", "10.0.0.1,192.168.1.1": "[]", "8.8.4.4": "[8.8.4.4]"} {
		strict := &dial.Dialer{Public: true, Resolve: map[string]string{"rebind.test:80": list}}
		ips, err := (&transport{set: &settings{network: network{family: "auto"}}}).lookup(t.Context(), strict, "rebind.test", "80")
		if got := fmt.Sprint(ips); got != wanted || (err == nil) != (wanted != "[]") {
			t.Errorf("%s: %s, %v", list, got, err)
		}
	}
}

// Row 28: whatever leads to what the policy forbids, nothing is sent there.
func TestBlockedAddresses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	strict := &dial.Dialer{Public: true}
	lax := &dial.Dialer{}
	for _, tt := range []struct {
		dialer *dial.Dialer
		yaml   string
	}{
		{strict, "url: ws://127.0.0.1:" + port},
		{strict, "url: ws://localhost:" + port},
		{strict, "url: ws://[::ffff:127.0.0.1]:" + port},
		{strict, "url: ws://feed.test:" + port + "\nresolve: {feed.test: 127.0.0.1}"},
		{strict, "url: ws://8.8.8.8\nproxy_url: http://127.0.0.1:" + port},
		{strict, "url: ws://feed.test\ndns_server: udp://127.0.0.1:" + port},
		{strict, "url: ws://8.8.8.8\noauth2: {enabled: true, client_key: c, token_url: 'http://127.0.0.1:" + port + "'}"},
		{lax, "url: ws://169.254.169.254"},
		{lax, "url: wss://[fd00:ec2::254]/"},
		{lax, "url: ws://feed.test\nresolve: {feed.test: [169.254.169.254]}"},
		{lax, "url: ws://0177.0.0.1"},
		{lax, "url: ws://2130706433"},
	} {
		c := testClient
		c.dialer = tt.dialer
		begun := time.Now()
		r, err := c.Query(t.Context(), with(t, "timeout: 20\n"+tt.yaml))
		if err != nil {
			t.Fatal(err)
		}
		if outcome(r) != "blocked_address" || r.Error.Retryable || time.Since(begun) > time.Second {
			t.Errorf("%s: %+v", tt.yaml, r.Error)
		}
	}
	if err := l.(*net.TCPListener).SetDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if conn, err := l.Accept(); err == nil {
		conn.Close()
		t.Error("somebody connected")
	}
}

// Names with addresses of the parameters: several are tried, --resolve comes first, and
// the name stays in the request.
func TestResolveMap(t *testing.T) {
	address, seen := witness(t)
	_, port, _ := net.SplitHostPort(address)
	for yaml, wanted := range map[string]string{
		"resolve: {feed.test: 127.0.0.1}":              "ok",
		"resolve: {FEED.test.: '127.0.0.1'}":           "ok",
		"resolve: {feed.test: ['::1', 127.0.0.1]}":     "ok",
		"resolve: {feed.test: '127.0.0.1, [::1]'}":     "ok",
		"resolve: {feed.test: '::1'}\nip_family: ipv4": "connect_",
		"resolve: {other.test: 127.0.0.1}":             "dns_failed",
	} {
		r := ask(t, "timeout: 20\nreceive: none\nurl: ws://feed.test:"+port+"\n"+yaml)
		if !strings.HasPrefix(outcome(r), wanted) {
			t.Errorf("%s: %+v", yaml, r.Error)
		}
		if wanted == "ok" {
			want(t, "host", (<-seen).Host, "feed.test:"+port)
		}
	}
	c := testClient
	c.dialer = &dial.Dialer{Resolve: map[string]string{"feed.test:" + port: "127.0.0.1"}}
	r, err := c.Query(t.Context(), with(t, "receive: none\nurl: ws://feed.test:"+port+"\nresolve: {feed.test: 127.9.9.9}"))
	if err != nil || !r.Connection {
		t.Errorf("--resolve does not win: %v, %+v", err, r.Error)
	}
}

// Which addresses are tried, in which order.
func TestAddressFamilies(t *testing.T) {
	both := []string{"192.0.2.1", "192.0.2.2", "2001:db8::1"}
	for _, tt := range []struct {
		family   string
		fallback bool
		source   string
		ips      []string
		want     string
	}{
		{"auto", true, "", both, "[192.0.2.1 2001:db8::1 192.0.2.2]"},
		{"auto", true, "", []string{"2001:db8::1", "2001:db8::2", "192.0.2.1"}, "[2001:db8::1 192.0.2.1 2001:db8::2]"},
		{"ipv4", true, "", both, "[192.0.2.1 192.0.2.2]"},
		{"ipv6", false, "", both, "[2001:db8::1]"},
		{"ipv6", true, "", both[:2], "[192.0.2.1 192.0.2.2]"},
		{"ipv6", false, "", both[:2], "h has no IPv6 address, that ip_family wants"},
		{"ipv4", false, "", both[2:], "h has no IPv4 address, that ip_family wants"},
		{"auto", true, "10.0.0.1", both, "[192.0.2.1 192.0.2.2]"},
		{"auto", true, "fd00::1", both, "[2001:db8::1]"},
		{"auto", true, "fd00::1", both[:2], "h has no IPv6 address, that source_address is of"},
	} {
		n := network{family: tt.family, fallback: tt.fallback}
		if tt.source != "" {
			n.source = netip.MustParseAddr(tt.source)
		}
		var ips []net.IP
		for _, text := range tt.ips {
			ips = append(ips, net.ParseIP(text))
		}
		ordered, err := n.order("h", ips)
		got := fmt.Sprint(ordered)
		if err != nil {
			got = err.Error()
		}
		want(t, fmt.Sprint(tt.family, tt.fallback, tt.source, tt.ips), got, tt.want)
	}
}

// A connection can come from an address that was chosen.
func TestSourceAddress(t *testing.T) {
	address := serve(t, echo)
	r := ask(t, "data: hi\nsource_address: 127.0.0.4\ntcp_keepalive: 5s\nurl: ws://"+address)
	if outcome(r) != "ok" {
		t.Skipf("a further loopback address is needed: %+v", r.Error)
	}
	if !strings.HasPrefix(*r.LocalAddr, "127.0.0.4:") {
		t.Errorf("from %s", *r.LocalAddr)
	}
	want(t, "an address that is not ours", outcome(ask(t, "timeout: 1\nsource_address: 192.0.2.1\nurl: ws://"+address)), "connect_unreachable")
}

// How the connection is watched over when it is idle.
func TestKeepAliveSettings(t *testing.T) {
	for yaml, wanted := range map[string][2]time.Duration{
		"{}":                    {15 * time.Second, 30 * time.Second},
		"{tcp_keepalive: 5}":    {5 * time.Second, 10 * time.Second},
		"{tcp_keepalive: 0}":    {-1, 0},
		"{tcp_keepalive: '2m'}": {2 * time.Minute, 4 * time.Minute},
	} {
		p := with(t, yaml)
		p.URL = new("ws://h")
		s, err := p.settings()
		if err != nil {
			t.Fatal(err)
		}
		d := s.over(&dial.Dialer{})
		want(t, yaml, [2]time.Duration{d.KeepAlive, d.UserTimeout}, wanted)
	}
}

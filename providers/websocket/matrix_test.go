package websocket

import (
	"bytes"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// otherTests are those of the fault matrix that are not in TestFaultMatrix, by the
// numbers of the rows, because they need more than one server and one query.
func otherTests() map[int][]func(*testing.T) {
	return map[int][]func(*testing.T){
		1:  {TestRefused},
		2:  {TestConnectTimeout},
		7:  {TestTLSThatIsNone},
		11: {TestAnswerAndMessageInPieces},
		13: {TestPongsHaveThePayload},
		15: {TestCloseCodes},
		18: {TestEndsBehindTLS, TestCompressedFaults},
		19: {TestAnnouncedSizeCostsNothing, TestMemoryStaysFlat},
		21: {TestGuardReadsText},
		22: {TestGuard},
		23: {TestServerThatStopsReading},
		24: {TestHalfOpen},
		25: {TestTLS, TestVersionsAndSuites, TestClientCertificates},
		26: {TestTLS, TestCertificateFacts},
		27: {TestProxyFaults, TestProxyThatIsNotThere},
		28: {TestBlockedAddress, TestBlockedAddresses, TestRebinding, TestRebindingName, TestRedirectUnderPolicy, TestRedirectToBlocked},
		29: {TestCancelled, TestProxyCancelled},
		30: {TestServerRestarts, TestReconnectFlapping, TestRetryAfterIsHeeded},
		31: {TestSlowConsumer, TestQueuePolicies, TestOverflowClose},
		32: {TestSampleLateReply, TestSampleReplyAtTheDeadline, TestSampleTwoReplies, TestSampleOverrun},
		33: {TestFloods, TestGuardCountsControlFrames, TestTinyFragments},
	}
}

// Row 19: what a server sends beyond the limit is not kept, whatever shape it has.
func TestMemoryStaysFlat(t *testing.T) {
	bomb := frame(fin|rsv1|opText, newPacker().pack(strings.Repeat("x", 256<<20)))
	tiny := strings.Repeat(string(frame(opContinuation, "x")), 1000)
	for name, tt := range map[string]struct {
		with  string
		serve func(*peer)
	}{
		"bomb": {"compression: context_takeover", squeezes(bomb)},
		"fragments": {"", func(p *peer) {
			p.upgrade()
			for p.say(frame(opText, "x")); p.say(tiny); {
			}
		}},
		"announced in fragments": {"", hello(frame(opText, strings.Repeat("x", 1000)), "\x00\x7f\x7f\xff\xff\xff\xff\xff\xff\xff")},
	} {
		address := serve(t, tt.serve)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := ask(t, "timeout: 60\nreceive: required\nmax_message_size: 256KiB\nurl: ws://"+address+"\n"+tt.with)
		runtime.ReadMemStats(&after)
		want(t, name, outcome(r), "message_too_big")
		if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
			t.Errorf("%s: %d bytes allocated", name, used)
		}
	}
}

// Row 33: a million fragments of a byte are one message, and cost no more than that.
func TestTinyFragments(t *testing.T) {
	n := scaled(1_000_000, 10)
	block := strings.Repeat(string(frame(opContinuation, "x")), 1000)
	r := ask(t, "timeout: 60\nmax_result_bytes: 10\nurl: ws://"+serve(t, func(p *peer) {
		p.upgrade()
		p.say(frame(opText, ""))
		for range n / 1000 {
			p.say(block)
		}
		p.say(frame(fin|opContinuation, ""))
		p.farewell()
	}))
	want(t, "outcome", outcome(r), "ok")
	want(t, "size", r.Messages[0].Size, n/1000*1000)
}

// rebinds is a name server that gives a name the one address first and then the other. It
// counts how often it was asked.
func rebinds(t *testing.T, name, first, then string) (server string, asked *atomic.Int32) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked = &atomic.Int32{}
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
			to := first
			if bytes.Contains(buf[:n], []byte("\x00\x00\x01\x00\x01")) && asked.Add(1) > 1 { // behind the name: for an A record
				to = then
			}
			_, _ = conn.WriteTo(dnsAnswer(buf[:n], map[string]string{name: to}), from)
		}
	}()
	return conn.LocalAddr().String(), asked
}

// Row 28: a name that is another address each time it is looked up. It is looked up once
// for a connection, and what was judged is what is dialled; for the next connection, after
// a failure or a redirect, it is judged anew.
func TestRebindingName(t *testing.T) {
	const metadata = "169.254.169.254"
	var served atomic.Int32
	server := func(do func(*peer)) (port string) {
		_, port, _ = net.SplitHostPort(serve(t, func(p *peer) { served.Add(1); do(p) }))
		return port
	}
	for name, tt := range map[string]struct {
		do    func(*peer)
		with  string
		code  string
		asked int32
	}{
		"once":       {hello(text("hi")), "", "ok", 1},
		"redirected": {says(response("HTTP/1.1 302 Found", "Location: /again", "Content-Length: 0")), "max_redirects: 1", "blocked_address", 2},
		"again":      {func(p *peer) { p.request() }, "retries: 1\nretry_delay: 0", "blocked_address", 2},
	} {
		t.Run(name, func(t *testing.T) {
			served.Store(0)
			names, asked := rebinds(t, "rebind.test", "127.0.0.1", metadata)
			r := ask(t, "timeout: 5\nip_family: ipv4\ndns_server: udp://"+names+"\nurl: ws://rebind.test:"+server(tt.do)+"\n"+tt.with)
			want(t, "outcome", outcome(r), tt.code)
			want(t, "times that the name was looked up", asked.Load(), tt.asked)
			want(t, "connections", served.Load(), 1)
		})
	}
}

// Row 28: a redirect to what the policy forbids is not followed, whoever sends it.
func TestRedirectToBlocked(t *testing.T) {
	for _, to := range []string{"ws://169.254.169.254/latest", "//169.254.169.254", "ws://[::ffff:169.254.169.254]/", "ws://0xA9FEA9FE/", "ws://2852039166/"} {
		r := ask(t, "timeout: 5\nmax_redirects: 3\nurl: ws://"+serve(t, says(response("HTTP/1.1 307 Over there", "Location: "+to, "Content-Length: 0"))))
		want(t, to, outcome(r), "blocked_address")
		want(t, "connected", r.Connected, false)
	}
}

// Row 30: a server that says when to come again is asked then, and not sooner; but one
// that says in an hour is asked after five minutes.
func TestRetryAfterIsHeeded(t *testing.T) {
	after := map[int]string{1: "3", 2: "3600"}
	log := play(t, all+"reconnect: {jitter: none}\n", 6*time.Minute, func(n int, p *peer) {
		if after[n] == "" {
			plain()(n, p)
			return
		}
		p.request()
		p.say(response("HTTP/1.1 429 Too Many Requests", "Retry-After: "+after[n], "Content-Length: 0"))
	}, nil)
	same(t, log, `
		0s dial
		0s error handshake_status
		3s dial
		3s error handshake_status
		5m3s dial
		5m3s opened`)
}

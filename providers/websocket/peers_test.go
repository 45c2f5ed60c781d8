package websocket

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	gorilla "github.com/gorilla/websocket"
	"pgregory.net/rapid"
)

// gorillaServer is a server by other people in this process: it does what do does with
// each connection.
func gorillaServer(t testing.TB, do func(*gorilla.Conn)) (url string) {
	up := gorilla.Upgrader{Subprotocols: []string{"echo"}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		do(c)
	}))
	t.Cleanup(s.Close)
	return "ws" + strings.TrimPrefix(s.URL, "http")
}

func gorillaEcho(c *gorilla.Conn) {
	for {
		typ, data, err := c.ReadMessage()
		if err != nil || c.WriteMessage(typ, data) != nil {
			return
		}
	}
}

// peerChecks are what every echo server must make of our queries.
func peerChecks(t *testing.T, url string) {
	r := ask(t, "data: héllo\nurl: "+url)
	want(t, "data", fmt.Sprintln(at(r.Data), at(r.Type)), "héllo text\n")
	want(t, "close", fmt.Sprintln(at(r.Close.Code), at(r.Close.By), r.Close.Clean), "1000 us true\n")
	want(t, "base64", at(ask(t, "data_base64: AP8=\nurl: "+url).Data), "AP8=")
	want(t, "several", len(ask(t, "messages: [a, {b: c}, 3]\nmin_messages: 3\nurl: "+url).Messages), 3)
	want(t, "silence", outcome(ask(t, "receive_timeout: 50ms\nurl: "+url)), "ok")
	want(t, "nothing read", outcome(ask(t, "receive: none\nurl: "+url)), "ok")
	if ping := ask(t, "data: hi\nmeasure_ping: true\nurl: "+url); ping.Timings.Ping == nil {
		t.Errorf("no ping: %+v", ping.Error)
	}
	large := with(t, "max_result_bytes: 10\nurl: "+url)
	large.Data = string(tenMiB[:900<<10]) // servers have limits of a megabyte
	got, err := testClient.Query(t.Context(), large)
	if err != nil || !got.Connection || got.Received.Bytes != 900<<10 {
		t.Errorf("a large message: %v, %+v, %+v", err, got.Error, got.Received)
	}
	for range 50 {
		if r := ask(t, "data: again\nurl: "+url); outcome(r) != "ok" || !r.Close.Clean {
			t.Fatalf("%+v, close %+v", r.Error, r.Close)
		}
	}
}

func TestGorilla(t *testing.T) {
	url := gorillaServer(t, gorillaEcho)
	peerChecks(t, url)
	want(t, "subprotocol", ask(t, "subprotocols: [other, echo]\nurl: "+url).Subprotocol, "echo")
}

// TestPeers asks servers in other languages, in processes of their own. It needs
// node with ws and Python with websockets, and is for CI: TOCSIN_PEERS=1.
func TestPeers(t *testing.T) {
	if os.Getenv("TOCSIN_PEERS") != "1" {
		t.Skip("set TOCSIN_PEERS=1 to test against npm's ws and python3-websockets")
	}
	for name, command := range map[string][]string{
		"ws":         {"node", filepath.Join("testdata", "peers", "echo_ws.js")},
		"websockets": {python(), filepath.Join("testdata", "peers", "echo_websockets.py")},
	} {
		t.Run(name, func(t *testing.T) { peerChecks(t, "ws://127.0.0.1:"+start(t, command)) })
	}
}

// python is the interpreter that Debian's packages are for, before any other.
func python() string {
	if _, err := os.Stat("/usr/bin/python3"); err == nil {
		return "/usr/bin/python3"
	}
	return "python3"
}

// start runs a server and returns the port that it prints.
func start(t *testing.T, command []string) (port string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s is needed: %v", command[0], err)
	}
	t.Cleanup(func() { stop(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		_ = cmd.Wait()
		t.Fatalf("%s did not start: %s", strings.Join(command, " "), complaints.String())
	}
	return strings.TrimSpace(line)
}

// Through us, through the library alone, and through gorilla: valid traffic is the
// same, whatever fragments it comes in and whatever pings are between.
func TestDifferential(t *testing.T) {
	var stream atomic.Pointer[[]byte]
	address := serve(t, func(p *peer) {
		p.request()
		p.say(p.accepted(), *stream.Load())
		p.farewell()
	})
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 4).Draw(rt, "messages")
		var all []byte
		for range n {
			all = append(all, drawMessage(rt)...)
		}
		stream.Store(&all)
		ours := ask(t, fmt.Sprintf("timeout: 5\nmin_messages: %d\nurl: ws://%s", n, address))
		if outcome(ours) != "ok" {
			rt.Fatalf("%+v", ours.Error)
		}
		library, other := throughLibrary(t, address, n), throughGorilla(t, address, n)
		for i, m := range ours.Messages {
			got := fmt.Sprintf("%s %d", m.Type, m.Size)
			if got != library[i] || got != other[i] {
				rt.Errorf("message %d: ours %s, the library's %s, gorilla's %s", i, got, library[i], other[i])
			}
		}
	})
}

// drawMessage is a message in fragments with pings between them.
func drawMessage(t *rapid.T) (stream []byte) {
	first := byte(opText)
	if rapid.Bool().Draw(t, "binary") {
		first = opBinary
	}
	parts := rapid.SliceOfN(rapid.StringMatching(`[ -~]{0,200}`), 1, 4).Draw(t, "fragments")
	for i, part := range parts {
		if i == len(parts)-1 {
			first |= fin
		}
		stream = append(stream, frame(first, part)...)
		if first = opContinuation; rapid.IntRange(0, 3).Draw(t, "ping") == 0 {
			stream = append(stream, frame(fin|opPing, "p")...)
		}
	}
	return stream
}

func throughLibrary(t *testing.T, address string, n int) (all []string) {
	c, _, err := coder.Dial(t.Context(), "ws://"+address, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	for range n {
		typ, data, err := c.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s %d", map[coder.MessageType]string{coder.MessageText: "text", coder.MessageBinary: "binary"}[typ], len(data)))
	}
	return all
}

func throughGorilla(t *testing.T, address string, n int) (all []string) {
	c, _, err := gorilla.DefaultDialer.Dial("ws://"+address, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range n {
		typ, data, err := c.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s %d", map[int]string{gorilla.TextMessage: "text", gorilla.BinaryMessage: "binary"}[typ], len(data)))
	}
	return all
}

// Whatever a server says, a result is consistent (see consistent) and comes in time.
func TestAnyServer(t *testing.T) {
	var script atomic.Pointer[[][]byte]
	address := serve(t, func(p *peer) {
		p.request()
		p.say(p.accepted())
		for _, part := range *script.Load() {
			p.say(part)
		}
	})
	rapid.Check(t, func(rt *rapid.T) {
		var parts [][]byte
		for range rapid.IntRange(0, 5).Draw(rt, "parts") {
			part := rapid.OneOf(
				rapid.Custom(drawMessage),
				rapid.SampledFrom([][]byte{closeFrame(1000, ""), closeFrame(1011, "x"), frame(fin|opPing, ""), frame(opText, "half"), {0x81}}),
				rapid.SliceOfN(rapid.Byte(), 1, 30),
			).Draw(rt, "part")
			parts = append(parts, part)
		}
		script.Store(&parts)
		yaml := fmt.Sprintf("timeout: 5\nmin_messages: %d\nreceive: %s\nurl: ws://%s", rapid.IntRange(1, 3).Draw(rt, "min"),
			rapid.SampledFrom([]string{"required", "optional", "none"}).Draw(rt, "receive"), address)
		begun := time.Now()
		r := ask(t, yaml)
		if took := time.Since(begun); took > 3*time.Second {
			rt.Errorf("it took %v: %+v", took, r.Error)
		}
		if r.Error != nil && r.Error.Code == string(Internal) {
			rt.Errorf("internal: %+v", r.Error)
		}
	})
}

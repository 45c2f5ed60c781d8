package cmd_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/cmd"
	"tocsin/providers/all"
)

// mirrorAt runs "tocsin ws --listen" until the returned function ends it and says what it
// has shown, and its exit code.
func mirrorAt(t *testing.T, args ...string) (address string, end func() (shown string, code int)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	said, stderr := io.Pipe()
	var stdout bytes.Buffer
	var code int
	var all sync.WaitGroup
	all.Go(func() {
		code = cmd.Run(ctx, append([]string{"ws", "--listen", "0"}, args...), nil, &stdout, stderr, registry())
		stderr.Close()
	})
	end = func() (string, int) {
		cancel()
		all.Wait()
		return stdout.String(), code
	}
	t.Cleanup(func() { end() })
	lines := bufio.NewScanner(said)
	if !lines.Scan() {
		t.Fatal("it does not listen")
	}
	_, address, ok := strings.Cut(lines.Text(), "listening on ")
	if !ok {
		t.Fatal(lines.Text())
	}
	all.Go(func() { _, _ = io.Copy(io.Discard, said) })
	return address, end
}

var registry = all.Registry

func tocsin(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, err bytes.Buffer
	code = cmd.Run(t.Context(), args, nil, &out, &err, registry())
	return out.String(), err.String(), code
}

// The other side shows what clients ask for and say, without what is secret, and says it
// back to them.
func TestListen(t *testing.T) {
	address, end := mirrorAt(t)
	if !strings.HasPrefix(address, "ws://127.0.0.1:") {
		t.Errorf("it listens on %s", address)
	}
	out, errs, code := tocsin(t, "ws", address+"/feed?token=canary-token", "-x", "hello canary-token", "-n", "1", "-H", "Authorization: Bearer canary-bearer", "-H", "X-Any: \u202ered")
	if code != 0 || out != "hello [redacted]\n" {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	shown, code := end()
	for _, want := range []string{
		`GET /feed\?token=\*\*\* HTTP/1.1 from 127.0.0.1:`, `Authorization: \*\*\*`, `<  text +18 B  hello \[redacted\]`, `>  text `, `<  close +2 B  1000`, `X-Any: \\u202ered`,
	} {
		if !regexp.MustCompile(want).MatchString(shown) {
			t.Errorf("no %s in\n%s", want, shown)
		}
	}
	if strings.Contains(shown, "canary") || strings.Contains(shown, "\x1b") || code != 130 {
		t.Errorf("exit %d\n%s", code, shown)
	}
}

// It may be silent, and close as it is told.
func TestListenCloses(t *testing.T) {
	address, end := mirrorAt(t, "--silent", "--close", "1008 not you", "--json")
	_, errs, code := tocsin(t, "ws", address, "--wait", "-1")
	if code != 3 || !strings.Contains(errs, "closed the connection with code 1008 (policy violation): not you") {
		t.Errorf("exit %d: %s", code, errs)
	}
	_, errs, code = tocsin(t, "ws", address, "--wait", "-1", "--expect_close", "1008")
	if code != 0 {
		t.Errorf("exit %d: %s", code, errs)
	}
	shown, _ := end()
	if !strings.Contains(shown, `"connection":2,"event":"frame","direction":"sent","kind":"close","size":9,"code":1008,"reason":"not you"}`) {
		t.Error(shown)
	}
	for _, args := range [][]string{{"--close", "1006"}, {"--close", "x"}, {"--cert", "only"}, {"--save", "x.yaml"}} {
		if _, _, code := tocsin(t, append([]string{"ws", "--listen", "0"}, args...)...); code != 2 {
			t.Errorf("%v: exit %d", args, code)
		}
	}
}

// It ends after so many messages, or a signal, and tells its clients.
func TestListenEnds(t *testing.T) {
	address, end := mirrorAt(t, "--count", "2")
	out, errs, code := tocsin(t, "ws", address, "-x", "one", "-x", "two", "--wait", "-1", "--output", "frames")
	if code != 0 || !strings.Contains(out, "closed by the server with 1001") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	shown, _ := end()
	if strings.Count(shown, "close") != 2 || !regexp.MustCompile(`(?s)>  close +2 B  1001.*<  close +2 B  1001`).MatchString(shown) {
		t.Error(shown)
	}
}

// With a certificate it is a wss server.
func TestListenTLS(t *testing.T) {
	certificate, key := certified(t)
	address, _ := mirrorAt(t, "--cert", certificate, "--key", key)
	if !strings.HasPrefix(address, "wss://") {
		t.Fatal(address)
	}
	out, errs, code := tocsin(t, "ws", address, "-x", "hello", "-n", "1", "--tls.root_cas_file", certificate, "--output", "frames", "--timing")
	if code != 0 || !strings.Contains(out, "TLS 1.3") || !regexp.MustCompile(`\ntls +[0-9.]+ ms`).MatchString(out) {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	_, errs, code = tocsin(t, "ws", address)
	if code != 3 || !strings.Contains(errs, "--tls.skip_cert_verify") {
		t.Errorf("exit %d: %s", code, errs)
	}
	out, errs, code = tocsin(t, "ws", address, "-x", "hello", "-n", "1", "--tls.skip-cert-verify")
	if code != 0 || out != "hello\n" {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}

// certified writes a certificate for 127.0.0.1 and its key.
func certified(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "tocsin test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, data []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", encoded)
}

// On a terminal a line is sent when it is typed, what comes is shown above the next one,
// and Ctrl-D closes. script(1) is the terminal.
func TestTerminal(t *testing.T) {
	if _, err := exec.LookPath("script"); err != nil {
		t.Skip("there is no script(1) here")
	}
	address, _ := mirrorAt(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "tocsin") // what this test binary is under that name
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		keys []string // each typed when the text before it is seen
		want string
		code string
	}{
		{"ctrl-d", []string{"type a line", "hello\r", "<  text", "/ping\r", "<  pong", "/nope\r", "no command", "\x04"}, "closed by us with 1000", "0"},
		{"close", []string{"type a line", "/close 4001 bye\r"}, ">  close +5 B  4001 bye", "0"},
		{"ctrl-c", []string{"type a line", "half\x03"}, ">  close +2 B  1000", "130"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := exec.CommandContext(t.Context(), "script", "-qec", program+" ws "+address, "/dev/null")
			p.Env = append(os.Environ(), "NO_COLOR=1", "TERM=xterm")
			in, err := p.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := p.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Start(); err != nil {
				t.Fatal(err)
			}
			shown := converse(t, in, out, c.keys)
			_ = p.Wait() // its exit code is looked at
			if !regexp.MustCompile(c.want).MatchString(shown) || p.ProcessState.String() != "exit status "+c.code {
				t.Errorf("%v, no %s in\n%q", p.ProcessState, c.want, shown)
			}
			if regexp.MustCompile("\x1b\\[[0-9;]*m").MatchString(shown) {
				t.Errorf("it has colours, in spite of NO_COLOR: %q", shown)
			}
		})
	}
}

// converse types keys when what is waited for is shown, and returns all that was.
func converse(t *testing.T, in io.WriteCloser, out io.Reader, turns []string) string {
	t.Helper()
	var shown strings.Builder
	buf := make([]byte, 4096)
	for seen := 0; ; {
		n, err := out.Read(buf)
		shown.Write(buf[:n])
		for len(turns) > 1 {
			at := strings.Index(shown.String()[seen:], turns[0])
			if at < 0 {
				break
			}
			seen += at + len(turns[0])
			if _, err := io.WriteString(in, turns[1]); err != nil {
				t.Fatal(err)
			}
			turns = turns[2:]
		}
		if err != nil {
			return shown.String()
		}
	}
}

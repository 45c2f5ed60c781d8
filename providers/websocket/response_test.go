package websocket

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// FuzzResponse reads answers to an upgrade: however they come, it ends, keeps to its
// limits, and does not depend on how they are cut up; what follows a 101 stays whole.
func FuzzResponse(f *testing.F) {
	f.Add("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x02hi")
	f.Add("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	f.Add("HTTP/1.0 404\n\nnot here")
	f.Add("SSH-2.0-x\r\n")
	f.Add("HTTP/1.1 101 x\r\n a: b\r\n\r\n")
	f.Fuzz(func(t *testing.T, answer string) {
		whole, err := readAnswer(strings.NewReader(answer))
		pieces, err2 := readAnswer(iotest.OneByteReader(strings.NewReader(answer)))
		if (err == nil) != (err2 == nil) || whole != pieces {
			t.Fatalf("in one piece %q, %v; in many %q, %v", whole, err, pieces, err2)
		}
		if own, ok := errors.AsType[*Error](err); ok && own.Code != NotHTTP && own.Code != HandshakeInvalid {
			t.Errorf("%v", own)
		}
		if err == nil && !strings.HasSuffix(answer, whole) {
			t.Errorf("%q is not the rest of %q", whole, answer)
		}
	})
}

// readAnswer is what follows a 101.
func readAnswer(r io.Reader) (rest string, err error) {
	in := bufio.NewReader(r)
	req, err := http.NewRequest(http.MethodGet, "http://h", nil)
	if err != nil {
		return "", err
	}
	response, err := (&transport{}).read(in, req)
	if err != nil || response.StatusCode != 101 {
		return "", err
	}
	all, err := io.ReadAll(in)
	return string(all), err
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"3": 3 * time.Second, "0": 0, "-1": 0, "": 0, "soon": 0, "99999999999999": 0,
		"Fri, 02 Jan 2026 03:04:35 GMT": 30 * time.Second,
		"Fri, 02 Jan 2026 03:00:00 GMT": 0,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestCutKeepsCharacters(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10} {
		text := []byte("aé€😀")
		if got := cut(bytes.Clone(text), n, true); !strings.HasPrefix("aé€😀", string(got)) || strings.ContainsRune(string(got), '\uFFFD') || n-len(got) > 3 {
			t.Errorf("cut to %d bytes: %q", n, got)
		}
	}
}

package store

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tocsin/engine"
)

// someText has places that are alike, near and far, and others that are like nothing.
func someText() *rapid.Generator[[]byte] {
	piece := rapid.OneOf(
		rapid.SliceOfN(rapid.Byte(), 0, 40),
		rapid.Map(rapid.StringMatching(`[ab]{1,8}`), func(s string) []byte { return []byte(s) }),
		rapid.Map(rapid.IntRange(0, len(usual)-1), func(n int) []byte { return usual[n:] }),
		rapid.Map(rapid.IntRange(1, 300), func(n int) []byte { return bytes.Repeat([]byte("x"), n) }),
	)
	return rapid.Map(rapid.SliceOfN(piece, 0, 8), func(list [][]byte) []byte { return bytes.Join(list, nil) })
}

// What is packed comes back, and text that was not packed is itself.
func TestUnpack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := someText().Draw(t, "text")
		packed := pack([]byte("before"), text)
		back, err := unpack(packed[len("before"):])
		if err != nil || !bytes.Equal(back, text) {
			t.Fatalf("%q\nwant\n%q, %v", back, text, err)
		}
	})
	for _, n := range []int{maxChunk - 1, maxChunk, maxChunk + 1} {
		noise := make([]byte, 0, n+32)
		for len(noise) < n {
			sum := sha256.Sum256(noise)
			noise = append(noise, sum[:]...)
		}
		for _, text := range []string{string(noise[:n]), strings.Repeat("y", n), `{"old": 1}`} {
			text = "{" + text[1:] // as events begin
			if back, err := unpack(pack(nil, []byte(text))); err != nil || string(back) != text {
				t.Errorf("%d bytes: %d, %v", n, len(back), err)
			}
			if back, err := unpack([]byte(text)); err != nil || string(back) != text {
				t.Errorf("as it is: %d, %v", len(back), err)
			}
		}
	}
}

// The events of a check become a fifth, also those that are not usual.
func TestPackIsShort(t *testing.T) {
	for name, want := range map[string]int{"ping": 5, "{\"op\": \"subscribe\", \"channel\": \"trades\"}": 4} {
		var text []byte
		for i, e := range aCheck() {
			e.Time = noon.Add(time.Duration(i) * 123456789)
			e.Step = strings.ReplaceAll(e.Step, "echo", "trades")
			e.Pos.File = "checks/exchange-" + fmt.Sprint(i/100) + ".yml"
			if e.Action == engine.Calling {
				e.With = anAlert("socket_url", "wss://stream.trades.example.org/v1", "data", name)
			}
			text = appendEvent(text, &e)
		}
		if packed := pack(nil, text); len(packed)*want > len(text) {
			t.Errorf("%d bytes are %d", len(text), len(packed))
		}
	}
}

// Packed text says what to repeat of what is usual, so that may never change.
func TestUsualStays(t *testing.T) {
	const want = "4c8b1b3bc044b12fb1414add99d5b4dd30bac555d781b54e4f280b790074c2e2"
	if got := fmt.Sprintf("%x", sha256.Sum256(usual)); got != want {
		t.Errorf("what is stored cannot be read any more: %s", got)
	}
	if _, err := decodeEvents("", "", usual); err != nil {
		t.Error(err)
	}
}

// What is damaged is an error, and takes no more room than events may.
func TestUnpackDamaged(t *testing.T) {
	packed := pack(nil, lineOf(script("r")[3]))
	for i := range packed {
		if _, err := unpack(packed[:i]); err == nil && i > 0 {
			t.Errorf("%d bytes of %d are whole", i, len(packed))
		}
		for bit := range 8 {
			wrong := bytes.Clone(packed)
			wrong[i] ^= 1 << bit
			if back, err := unpack(wrong); err == nil && len(back) > maxChunk && i > 0 {
				t.Errorf("bit %d of byte %d: %d bytes", bit, i, len(back))
			}
		}
	}
}

func BenchmarkPack(b *testing.B) {
	var text []byte
	for _, e := range aCheck() {
		text = appendEvent(text, &e)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	var packed []byte
	for b.Loop() {
		packed = pack(packed[:0], text)
	}
	b.ReportMetric(float64(len(packed)), "packed-B")
}

func BenchmarkUnpack(b *testing.B) {
	text := bytes.Join([][]byte{lineOf(aCheck()[3]), lineOf(aCheck()[5])}, nil)
	packed := pack(nil, text)
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := unpack(packed); err != nil {
			b.Fatal(err)
		}
	}
}

// Runs of before have their events as they are.
func TestEventsThatAreNotPacked(t *testing.T) {
	s := opened(t)
	quick(t, s, 1, engine.Done)
	before := must(s.Events(t.Context(), "run-1"))
	var text []byte
	for _, e := range before {
		text = appendEvent(text, &e)
	}
	if err := s.write(t.Context(), func(t *tx) error { return t.exec("UPDATE runs SET journal = ?", text) }); err != nil {
		t.Fatal(err)
	}
	if after := must(s.Events(t.Context(), "run-1")); len(before) != 4 || !reflect.DeepEqual(after, before) {
		t.Errorf("%+v\nwant\n%+v", after, before)
	}
}

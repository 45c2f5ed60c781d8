package ingest_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"tocsin/engine/ingest"
)

func compressed(t *testing.T, w func(io.Writer) io.WriteCloser, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	c := w(&b)
	if _, err := c.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }
func zlibbed(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }
func deflated(w io.Writer) io.WriteCloser {
	c, _ := flate.NewWriter(w, flate.BestCompression)
	return c
}

func TestReadBody(t *testing.T) {
	const text = `{"name": "disk"}`
	most := bytes.Repeat([]byte("x"), ingest.MaxBody)
	tests := []struct {
		name, encoding string
		body           []byte
		status         int // 0: the text
	}{
		{"plain", "", []byte(text), 0},
		{"identity", "identity", []byte(text), 0},
		{"gzip", " GZIP ", compressed(t, gzipped, []byte(text)), 0},
		{"deflate with a header", "deflate", compressed(t, zlibbed, []byte(text)), 0},
		{"deflate without one", "deflate", compressed(t, deflated, []byte(text)), 0},
		{"a bomb of gzip", "gzip", compressed(t, gzipped, bytes.Repeat(most, 64)), http.StatusRequestEntityTooLarge},
		{"a bomb of deflate", "deflate", compressed(t, deflated, append(most, 'x')), http.StatusRequestEntityTooLarge},
		{"no gzip", "gzip", []byte(text), http.StatusBadRequest},
		{"half a gzip", "gzip", compressed(t, gzipped, []byte(text))[:20], http.StatusBadRequest},
		{"something behind gzip", "gzip", append(compressed(t, gzipped, []byte(text)), "rest"...), http.StatusBadRequest},
		{"something behind deflate", "deflate", append(compressed(t, zlibbed, []byte(text)), "rest"...), http.StatusBadRequest},
		{"twice", "gzip, gzip", compressed(t, gzipped, []byte(text)), http.StatusUnsupportedMediaType},
		{"brotli", "br", []byte(text), http.StatusUnsupportedMediaType},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			raw, plain, err := ingest.ReadBody(bytes.NewReader(tt.body), tt.encoding)
			var refused *ingest.Error
			switch {
			case tt.status == 0 && (err != nil || string(plain) != text || !bytes.Equal(raw, tt.body)):
				t.Errorf("%q, %v", plain, err)
			case tt.status != 0 && (!errors.As(err, &refused) || refused.Status() != tt.status):
				t.Errorf("%v; want %d", err, tt.status)
			}
		})
	}
}

// An endless body is read up to the limit; one of exactly 1 MiB is taken.
func TestReadBodyStops(t *testing.T) {
	if _, _, err := ingest.ReadBody(endless{}, ""); err == nil || !strings.Contains(err.Error(), "longer than 1048576 bytes") {
		t.Errorf("%v", err)
	}
	if _, plain, err := ingest.ReadBody(io.LimitReader(endless{}, ingest.MaxBody), ""); err != nil || len(plain) != ingest.MaxBody {
		t.Errorf("%d bytes, %v", len(plain), err)
	}
}

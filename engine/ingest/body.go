package ingest

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"strings"
)

// What one request may hold (design/reliability.md §3). Depth is limited to 64 by the
// reader of JSON.
const (
	MaxBody      = 1 << 20 // bytes, after decompression
	MaxAlerts    = 1000    // of one request
	MaxLabels    = 64      // of one alert
	MaxLabelSize = 1 << 10 // bytes of the name of a label, and of its value
)

// ReadBody reads a body that was sent with a Content-Encoding: "" or identity, gzip, or
// deflate, with or without a zlib header. It returns the bytes as they came, for the
// signature, and decompressed. Neither may be longer than MaxBody; it reads no further.
func ReadBody(body io.Reader, encoding string) (raw, plain []byte, err error) {
	raw, err = atMost(body)
	if err != nil {
		return nil, nil, err
	}
	plain, err = decompress(raw, strings.ToLower(strings.TrimSpace(encoding)))
	return raw, plain, err
}

func decompress(raw []byte, encoding string) ([]byte, error) {
	packed := bytes.NewReader(raw)
	var r io.Reader
	var err error
	switch encoding {
	case "", "identity":
		return raw, nil
	case "gzip", "x-gzip":
		r, err = gzip.NewReader(packed)
	case "deflate":
		r, err = inflater(raw, packed)
	default:
		return nil, refuse(Unsupported, "Content-Encoding %q is not read: send gzip, deflate or none", short(encoding))
	}
	if err != nil {
		return nil, refuse(Malformed, "the body is no %s: %v", encoding, err)
	}
	plain, err := atMost(r)
	var limit *Error
	switch {
	case errors.As(err, &limit):
		return nil, err
	case err != nil:
		return nil, refuse(Malformed, "the body is no %s: %v", encoding, err)
	case packed.Len() > 0:
		return nil, refuse(Malformed, "%d bytes follow the end of the %s body", packed.Len(), encoding)
	}
	return plain, nil
}

// inflater reads deflate: with the header of zlib, as RFC 9110 §8.4.1.2 says, or
// without, as many send it.
func inflater(raw []byte, packed io.Reader) (io.Reader, error) {
	if len(raw) >= 2 && raw[0]&0x0f == 8 && (int(raw[0])<<8|int(raw[1]))%31 == 0 {
		return zlib.NewReader(packed)
	}
	return flate.NewReader(packed), nil
}

// atMost reads all of r unless it is longer than MaxBody.
func atMost(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxBody+1))
	if len(b) > MaxBody {
		return nil, refuse(TooLarge, "the body is longer than %d bytes", MaxBody)
	}
	return b, err
}

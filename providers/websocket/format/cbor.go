package format

import (
	"encoding/base64"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"

	"tocsin/templating/value"
)

// cborMode bounds what a message may make of a few bytes.
var cborMode = sync.OnceValues(cbor.DecOptions{
	MaxNestedLevels:  maxDepth,
	MaxArrayElements: 1 << 24,
	MaxMapPairs:      1 << 24,
	DefaultMapType:   reflect.TypeFor[map[any]any](),
	UTF8:             cbor.UTF8DecodeInvalid,
	BigIntDec:        cbor.BigIntDecodePointer,
	IntDec:           cbor.IntDecConvertNone,
}.DecMode)

func newCBOR(*Options) (func([]byte, time.Time) (entries, error), error) {
	return func(data []byte, _ time.Time) (out entries, err error) {
		out.values, err = decodeCBOR(data)
		return out, err
	}, nil
}

// decodeCBOR reads the values of CBOR that follow one another in data (RFC 8742).
func decodeCBOR(data []byte) (values []any, err error) {
	mode, err := cborMode()
	if err != nil {
		return nil, err
	}
	for len(data) > 0 {
		var v any
		if data, err = mode.UnmarshalFirst(data, &v); err != nil {
			return nil, fmt.Errorf("no CBOR: %s", strings.TrimPrefix(err.Error(), "cbor: "))
		}
		if values = append(values, native(v)); len(values) > maxEntries {
			return nil, errMany
		}
	}
	return values, nil
}

// native is what the library made as a value of ours, keys in the order of the alphabet,
// since it has lost theirs.
func native(v any) any {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = native(v[i])
		}
		return list
	case map[any]any:
		pairs := make([]value.Entry, 0, len(v))
		for key, item := range v {
			pairs = append(pairs, value.Entry{Key: keyText(native(key)), Value: native(item)})
		}
		slices.SortFunc(pairs, func(a, b value.Entry) int { return strings.Compare(a.Key, b.Key) })
		return value.MapOf(pairs...)
	case []byte:
		return binaryText(v)
	case string:
		return strings.ToValidUTF8(v, "\uFFFD")
	case *big.Int:
		return whole(v)
	case time.Time:
		return v.UTC()
	case cbor.Tag:
		return native(v.Content)
	case cbor.SimpleValue:
		return int64(v)
	case cbor.ByteString:
		return binaryText([]byte(v))
	}
	return value.Of(v)
}

// binaryText is bytes as a text: themselves if they are one, else base64.
func binaryText(b []byte) string {
	if utf8.Valid(b) && !slices.Contains(b, 0) {
		return string(b)
	}
	return base64.StdEncoding.EncodeToString(b)
}

// keyText is a key of any type as a text.
func keyText(key any) string {
	switch key.(type) {
	case []any, *value.Map:
		return string(value.AppendJSON(nil, key))
	}
	return value.Text(key)
}

package format

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/tinylib/msgp/msgp"

	"tocsin/templating/value"
)

func newMsgpack(*Options) (func([]byte, time.Time) (entries, error), error) {
	return func(data []byte, _ time.Time) (out entries, err error) {
		out.values, err = unpackAll(data)
		return out, err
	}, nil
}

// unpackAll reads the values of MessagePack that follow one another in data.
func unpackAll(data []byte) (values []any, err error) {
	for len(data) > 0 {
		var v any
		if v, data, err = unpack(data, maxDepth); err != nil {
			return nil, fmt.Errorf("no MessagePack: %w", err)
		}
		if values = append(values, v); len(values) > maxEntries {
			return nil, errMany
		}
	}
	return values, nil
}

// unpack reads one value. The library could read all of it at once, but knows neither
// the order of keys nor our depth.
func unpack(data []byte, depth int) (v any, rest []byte, err error) {
	if depth == 0 {
		return nil, nil, errDeep
	}
	switch typ := msgp.NextType(data); typ {
	case msgp.MapType:
		return unpackMap(data, depth)
	case msgp.ArrayType:
		return unpackList(data, depth)
	case msgp.NilType:
		rest, err = msgp.ReadNilBytes(data)
		return nil, rest, err
	case msgp.BoolType:
		return unpacked(msgp.ReadBoolBytes(data))
	case msgp.IntType:
		return unpacked(msgp.ReadInt64Bytes(data))
	case msgp.UintType:
		n, rest, err := msgp.ReadUint64Bytes(data)
		return whole(new(big.Int).SetUint64(n)), rest, err
	case msgp.Float32Type:
		f, rest, err := msgp.ReadFloat32Bytes(data)
		return float64(f), rest, err
	case msgp.Float64Type:
		return unpacked(msgp.ReadFloat64Bytes(data))
	case msgp.StrType:
		s, rest, err := msgp.ReadStringZC(data)
		return strings.ToValidUTF8(string(s), "\uFFFD"), rest, err
	case msgp.BinType:
		b, rest, err := msgp.ReadBytesZC(data)
		return binaryText(b), rest, err
	case msgp.InvalidType:
		return nil, nil, errors.New("a byte that begins nothing")
	}
	return unpackExtension(data)
}

// unpackExtension reads a time, or an application's own type as the bytes that it is.
// What kind it is the library does not see at the end of the data, so both are tried.
func unpackExtension(data []byte) (any, []byte, error) {
	rest, err := msgp.Skip(data)
	if err != nil {
		return nil, nil, err
	}
	if t, _, err := msgp.ReadTimeBytes(data); err == nil && inRange(t) == nil {
		return t.UTC(), rest, nil
	}
	return binaryText(data[:len(data)-len(rest)]), rest, nil
}

func unpacked[T any](v T, rest []byte, err error) (any, []byte, error) { return v, rest, err }

func unpackList(data []byte, depth int) (any, []byte, error) {
	n, rest, err := msgp.ReadArrayHeaderBytes(data)
	// Not of n items at once: each of them is a byte at least, but has yet to come.
	list := make([]any, 0, min(int(n), len(rest), 1024))
	for range n {
		if err != nil {
			break
		}
		var v any
		v, rest, err = unpack(rest, depth-1)
		list = append(list, v)
	}
	return list, rest, err
}

func unpackMap(data []byte, depth int) (any, []byte, error) {
	n, rest, err := msgp.ReadMapHeaderBytes(data)
	m := value.NewMap(min(int(n), len(rest), 1024))
	for range n {
		if err != nil {
			break
		}
		var key, v any
		if key, rest, err = unpack(rest, depth-1); err != nil {
			break
		}
		v, rest, err = unpack(rest, depth-1)
		m.Set(keyText(key), v)
	}
	return m, rest, err
}

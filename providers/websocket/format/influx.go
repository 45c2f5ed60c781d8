package format

import (
	"fmt"
	"math/big"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
)

// Influx are the options of influx.
type Influx struct {
	Precision string `param:"influx_timestamp_precision" doc:"For influx: unit of the times, ns, us, ms or s; ns if absent."`
}

var precisions = map[string]lineprotocol.Precision{
	"": lineprotocol.Nanosecond, "ns": lineprotocol.Nanosecond, "1ns": lineprotocol.Nanosecond,
	"us": lineprotocol.Microsecond, "1us": lineprotocol.Microsecond, "µs": lineprotocol.Microsecond, "1µs": lineprotocol.Microsecond,
	"ms": lineprotocol.Millisecond, "1ms": lineprotocol.Millisecond, "s": lineprotocol.Second, "1s": lineprotocol.Second,
}

func newInflux(o *Options) (func([]byte, time.Time) (entries, error), error) {
	precision, ok := precisions[o.Precision]
	if !ok {
		return nil, fmt.Errorf("influx_timestamp_precision: %q is none of ns, us, ms and s", o.Precision)
	}
	return func(data []byte, at time.Time) (out entries, err error) {
		d := lineprotocol.NewDecoderWithBytes(data)
		for d.Next() {
			m, err := line(d, precision, at)
			if err != nil {
				return out, err
			}
			out.metrics = append(out.metrics, m)
		}
		return out, nil
	}, nil
}

// line reads one line.
func line(d *lineprotocol.Decoder, precision lineprotocol.Precision, at time.Time) (m metric, err error) {
	name, err := d.Measurement()
	if err != nil {
		return m, err
	}
	m = newMetric()
	m.name = string(name)
	for {
		key, text, err := d.NextTag()
		if err != nil {
			return m, err
		}
		if key == nil {
			break
		}
		m.tags.Set(string(key), string(text))
	}
	for {
		key, v, err := d.NextField()
		if err != nil {
			return m, err
		}
		if key == nil {
			break
		}
		m.fields.Set(string(key), influxValue(v))
	}
	if m.time, err = d.Time(precision, at); err == nil {
		err = inRange(m.time)
	}
	return m, err
}

func influxValue(v lineprotocol.Value) any {
	switch v.Kind() {
	case lineprotocol.Uint:
		return whole(new(big.Int).SetUint64(v.UintV()))
	case lineprotocol.String:
		return v.StringV()
	}
	return v.Interface()
}

package templating

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"

	"tocsin/templating/value"
)

// Functions that sprig has, but that would lose the order of keys, turn a mistake
// into a result, or read the server's clock and zone.

func toJSON(a *Args) any { return string(value.AppendJSON(nil, a.Any(0))) }

func toPrettyJSON(a *Args) any {
	var out bytes.Buffer
	if err := json.Indent(&out, value.AppendJSON(nil, a.Any(0)), "", "  "); err != nil {
		return a.Fail("%w", err)
	}
	return out.String()
}

func fromJSON(a *Args) any {
	v, err := value.DecodeJSON([]byte(a.String(0)))
	if err != nil {
		return a.Fail("%w", err)
	}
	return v
}

func base64Decoded(a *Args) any { return decoded(a, base64.StdEncoding.DecodeString) }

func base32Decoded(a *Args) any { return decoded(a, base32.StdEncoding.DecodeString) }

func decoded(a *Args, decode func(string) ([]byte, error)) any {
	data, err := decode(a.String(0))
	if err != nil {
		return a.Fail("%w", err)
	}
	return string(data)
}

// defaulted, coalesced and ternary hand on a value as it is, which sprig would copy.
func defaulted(a *Args) any {
	if a.Len() > 1 && a.Bool(1) {
		return a.Any(1)
	}
	return a.Any(0)
}

func coalesced(a *Args) any {
	for i := range a.Len() {
		if a.Bool(i) {
			return a.Any(i)
		}
	}
	return nil
}

func ternary(a *Args) any {
	if a.Bool(2) {
		return a.Any(0)
	}
	return a.Any(1)
}

// moment is argument i as a time in its own zone: a time, a text that says one, or
// seconds since 1970.
func (a *Args) moment(i int) time.Time {
	if n, ok := a.Any(i).(int64); ok {
		return time.Unix(n, 0).UTC()
	}
	t, ok := a.localTime(i)
	if !ok {
		a.wrong(i, "a time")
	}
	return t
}

// zoned is argument i as a time in the zone that argument zone names.
func (a *Args) zoned(i, zone int) time.Time {
	location, err := timeZone(a.String(zone))
	if err != nil {
		a.Fail("no time zone %s", shown(a.Any(zone)))
		return time.Time{}
	}
	return a.moment(i).In(location)
}

func dateModified(a *Args) any {
	d, err := time.ParseDuration(a.String(0))
	if err != nil {
		return a.Fail("%s is %s, want a duration such as -1h30m", a.params.name(0), shown(a.Any(0)))
	}
	return a.moment(1).Add(d)
}

func toDate(a *Args) any {
	t, err := time.ParseInLocation(a.String(0), a.String(1), a.Now().Location())
	if err != nil {
		return a.Fail("%q does not match the layout %q", a.String(1), a.String(0))
	}
	return t
}

func ago(a *Args) any { return a.Now().Sub(a.moment(0)).Round(time.Second).String() }

func unixEpoch(a *Args) any { return strconv.FormatInt(a.moment(0).Unix(), 10) }

func deepEqual(a *Args) any { return value.Equal(a.Any(0), a.Any(1)) }

func newDict(a *Args) any {
	m := value.NewMap((a.Len() + 1) / 2)
	for i := 0; i < a.Len(); i += 2 {
		if i+1 == a.Len() {
			m.Set(a.String(i), "")
			break
		}
		m.Set(a.String(i), a.Any(i+1))
	}
	return m
}

func getKey(a *Args) any {
	if v, ok := a.Map(0).Get(a.String(1)); ok {
		return v
	}
	return ""
}

func hasKey(a *Args) any {
	_, ok := a.Map(0).Get(a.String(1))
	return ok
}

func pluck(a *Args) any {
	found := []any{}
	for i := 1; i < a.Len(); i++ {
		if v, ok := a.Map(i).Get(a.String(0)); ok {
			found = append(found, v)
		}
	}
	return found
}

func allKeys(a *Args) any {
	keys := []any{}
	for i := range a.Len() {
		keys = append(keys, mapKeys(a.Map(i))...)
	}
	return keys
}

func allValues(a *Args) any {
	values := []any{}
	for _, v := range a.Map(0).All() {
		values = append(values, v)
	}
	return values
}

func pick(a *Args) any {
	m, picked := a.Map(0), value.NewMap(a.Len())
	for i := 1; i < a.Len(); i++ {
		if v, ok := m.Get(a.String(i)); ok {
			picked.Set(a.String(i), v)
		}
	}
	return picked
}

// dig goes down the keys into the last argument; the one before it is the default.
func dig(a *Args) any {
	last := a.Len() - 1
	v := a.Any(last)
	for i := range last - 1 {
		var ok bool
		if v, ok = value.Member(v, a.String(i)); !ok {
			return a.Any(last - 1)
		}
	}
	return v
}

package value_test

import (
	"math"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tocsin/templating/value"
)

func parse(t *testing.T, text string) any {
	t.Helper()
	v, err := value.ParsePython(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestEqual(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{`1`, `1.0`, true},
		{`9007199254740993`, `9007199254740992.0`, false},
		{`98765432109876543210`, `98765432109876543210`, true},
		{`1`, `'1'`, false},
		{`1`, `True`, false},
		{`None`, `''`, false},
		{`[1, 'a']`, `[1.0, 'a']`, true},
		{`[1]`, `(1,)`, false},
		{`{'a': 1, 'b': 2}`, `{'b': 2, 'a': 1}`, true},
		{`{'a': 1}`, `{'a': 1, 'b': 2}`, false},
		{`{'a': None}`, `{'b': None}`, false},
		{`datetime.datetime(2024, 5, 6, 7, 8, tzinfo=tzutc())`, `datetime.datetime(2024, 5, 6, 9, 8, tzinfo=datetime.timezone(datetime.timedelta(seconds=7200)))`, true},
		{`datetime.datetime(2024, 5, 6)`, `datetime.datetime(2024, 5, 6, tzinfo=tzutc())`, false},
		{`datetime.date(2024, 5, 6)`, `datetime.date(2024, 5, 6)`, true},
		{`nan`, `nan`, false},
	}
	for _, tt := range tests {
		a, b := parse(t, tt.a), parse(t, tt.b)
		if value.Equal(a, b) != tt.want || value.Equal(b, a) != tt.want {
			t.Errorf("%s == %s is not %v", tt.a, tt.b, tt.want)
		}
	}
	m := value.MapOf(value.Entry{Key: "a", Value: int64(1)})
	if !value.Equal(value.Object{Map: m}, m) || !value.Equal(m, value.Object{Map: m}) {
		t.Error("an object is not the mapping it has")
	}
}

func TestCompare(t *testing.T) {
	tests := []struct {
		a, b  string
		order int
		ok    bool
	}{
		{`1`, `2.5`, -1, true},
		{`9007199254740993`, `9007199254740992.0`, 1, true},
		{`98765432109876543210`, `1e30`, -1, true},
		{`98765432109876543210`, `5`, 1, true},
		{`5`, `-98765432109876543210`, 1, true},
		{`1`, `inf`, -1, true},
		{`'a'`, `'b'`, -1, true},
		{`False`, `True`, -1, true},
		{`[1, 2]`, `[1, 3]`, -1, true},
		{`[1, 2]`, `[1, 2, 0]`, -1, true},
		{`(2,)`, `(1, 2)`, 1, true},
		{`datetime.date(2024, 5, 6)`, `datetime.date(2024, 4, 30)`, 1, true},
		{`datetime.datetime(2024, 5, 6)`, `datetime.datetime(2024, 5, 7)`, -1, true},
		{`1`, `'1'`, 0, false},
		{`None`, `None`, 0, false},
		{`{}`, `{}`, 0, false},
		{`nan`, `1`, 0, false},
		{`[1]`, `['1']`, 0, false},
	}
	for _, tt := range tests {
		a, b := parse(t, tt.a), parse(t, tt.b)
		order, ok := value.Compare(a, b)
		back, okBack := value.Compare(b, a)
		if ok != tt.ok || okBack != ok || ok && (order != tt.order || back != -order) {
			t.Errorf("Compare(%s, %s) = %d, %v and back %d, %v", tt.a, tt.b, order, ok, back, okBack)
		}
	}
}

// TestNumbersCompareExactly compares with what math/big says.
func TestNumbersCompareExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		i, f := rapid.Int64().Draw(t, "i"), rapid.Float64Range(-1e19, 1e19).Draw(t, "f")
		want := new(big.Float).SetInt64(i).Cmp(big.NewFloat(f))
		if order, ok := value.Compare(i, f); !ok || order != want {
			t.Fatalf("Compare(%d, %v) = %d, %v; want %d", i, f, order, ok, want)
		}
	})
}

func TestTruthy(t *testing.T) {
	for text, want := range map[string]bool{
		`None`: false, `False`: false, `0`: false, `0.0`: false, `''`: false, `[]`: false, `()`: false, `{}`: false,
		`True`: true, `-1`: true, `0.1`: true, `'False'`: true, `[0]`: true, `(0,)`: true, `{'': 0}`: true,
		`datetime.date(2024, 5, 6)`: true, `nan`: true, `98765432109876543210`: true,
	} {
		if got := value.Truthy(parse(t, text)); got != want {
			t.Errorf("Truthy(%s) = %v", text, got)
		}
	}
	if value.Truthy(value.Object{}) || !value.Truthy(time.Time{}) || value.Truthy(new(big.Int)) || !value.Truthy(math.Inf(1)) {
		t.Error("truth of an empty object, a time, a big zero or infinity")
	}
}

func TestMember(t *testing.T) {
	tests := []struct {
		v, part string
		want    string // "" where there is none
	}{
		{`{'a': 1, '0': 2}`, "a", `1`},
		{`{'a': 1, '0': 2}`, "0", `2`},
		{`{'a': 1}`, "b", ``},
		{`['p', 'q']`, "0", `'p'`},
		{`['p', 'q']`, "-1", `'q'`},
		{`['p', 'q']`, "2", ``},
		{`['p', 'q']`, "-3", ``},
		{`['p', 'q']`, "x", ``},
		{`('p', 'q')`, "1", `'q'`},
		{`'né✓'`, "1", `'é'`},
		{`'né✓'`, "-1", `'✓'`},
		{`'abc'`, "upper", ``},
		{`5`, "0", ``},
		{`None`, "a", ``},
	}
	for _, tt := range tests {
		v, ok := value.Member(parse(t, tt.v), tt.part)
		if ok != (tt.want != "") || ok && value.Repr(v) != tt.want {
			t.Errorf("%s.%s = %s, %v; want %s", tt.v, tt.part, value.Repr(v), ok, tt.want)
		}
	}
}

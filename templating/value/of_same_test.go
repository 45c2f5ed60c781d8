package value

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Shapes that a provider's result may have.
type (
	level   int
	tiny    int8
	word    string
	flag    bool
	share   float32
	ratio   float64
	blob    []byte
	octets  [3]byte
	words   []word
	tree    []tree
	forest  map[string]forest
	texted  struct{ Text string }
	jsoned  struct{ JSON string }
	onPtr   struct{ Name string }
	refused struct{ Why string }

	inner struct {
		Host string
		Zone string `json:"zone,omitempty"`
	}
	Outer struct {
		Host  string `param:"host"`
		Extra *int
	}
	node struct {
		Name string
		Next *node
		List []*node
		Map  map[word]node
		*inner
	}
	self struct {
		*self
		Name string
	}
	nested struct {
		inner
		*Outer
		Named    inner `json:"named"`
		Outer2   `json:"outer"`
		Dropped  inner `json:"-"`
		Comma    int   `json:",omitempty"`
		Both     int   `param:"first,required" json:"second"`
		HOST     string
		hidden   string
		any      any
		error    error
		Time     time.Time
		Took     time.Duration
		Number   json.Number
		Raw      json.RawMessage
		Unsigned uint64
		Byte     uint8
		Small    float32
		Float    float64
		Long     int64
		Level    level
		Tiny     tiny
		Word     word
		Flag     flag
		Share    share
		Ratio    ratio
		Blob     blob
		Octets   octets
		Words    words
		Array    [2]inner
		Any      any
		Error    error
		Pointers []*string
		Deep     **int
		Tree     tree
		Forest   forest
		Texted   texted
		Jsoned   *jsoned
		OnPtr    onPtr
		OnPtr2   *onPtr
		Refused  refused
		Map      *Map
		Object   Object
		Tuple    Tuple
		List     []any
		Big      *big.Int
		BigOne   big.Int
		Date     Date
		Day      *Date
		Numbers  map[level]float32
		Mixed    map[any]any
		Structs  map[inner]*inner
		Func     func()
		Chan     chan int
		Complex  complex64
		Node     *node
		Unnamed  struct{ A, b int }
	}
	Outer2  struct{ A, B any }
	embeds2 struct {
		time.Time
		Object
		*Map
		*big.Int
		word
		Word2 `json:"w"`
	}
	Word2 string
	twice struct {
		A int `param:"x"`
		B int `param:"x"`
		inner
		C string `param:"host"`
	}
	many struct {
		A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P, Q, R, S, T, U any
		*inner
	}
)

func (t texted) MarshalText() ([]byte, error) {
	if t.Text == "" {
		return nil, errors.New("no text")
	}
	return []byte(t.Text), nil
}

func (j jsoned) MarshalJSON() ([]byte, error) {
	if j.JSON == "error" {
		return nil, errors.New("no JSON")
	}
	return []byte(j.JSON), nil
}

func (o *onPtr) MarshalText() ([]byte, error) { return []byte("<" + o.Name + ">"), nil }

func (r refused) Error() string { return r.Why }

// drawn is what a property test makes data of.
type drawn struct {
	t     *rapid.T
	nodes []*node
	maps  []*Map
	lists [][]any
	goes  []map[string]any
	left  int
}

// any is data of any sort, some of which may contain itself.
func (d *drawn) any() any {
	if d.left--; d.left < 0 {
		return nil
	}
	switch rapid.IntRange(0, 45).Draw(d.t, "sort") {
	case 0:
		return nil
	case 1:
		return d.text()
	case 2:
		return rapid.Int64().Draw(d.t, "n")
	case 3:
		return rapid.Float64().Draw(d.t, "f")
	case 4:
		return rapid.Float32().Draw(d.t, "f")
	case 5:
		return rapid.Uint64().Draw(d.t, "n")
	case 6:
		return []byte(d.text())
	case 7:
		return json.Number(rapid.SampledFrom([]string{"1", "1.5", "1e400", "x", "98765432109876543210"}).Draw(d.t, "number"))
	case 8:
		return time.Duration(rapid.Int64().Draw(d.t, "n"))
	case 9:
		return time.Unix(rapid.Int64Range(0, 1e9).Draw(d.t, "n"), 0)
	case 10:
		return []*string{d.textPtr(), d.textPtr()}
	case 11:
		return d.nested()
	case 12:
		return new(d.nested())
	case 13, 14:
		return d.node()
	case 15:
		return *d.node()
	case 16, 17:
		m := rapid.SampledFrom(append(d.maps, NewMap(0))).Draw(d.t, "map")
		d.maps = append(d.maps, m)
		m.Set(d.text(), d.any())
		return m
	case 18, 19:
		list := make([]any, 2)
		d.lists = append(d.lists, list)
		list[0], list[1] = d.any(), d.any()
		return rapid.SampledFrom(d.lists).Draw(d.t, "list")
	case 20, 21:
		m := map[string]any{}
		d.goes = append(d.goes, m)
		m[d.text()] = d.any()
		return rapid.SampledFrom(d.goes).Draw(d.t, "Go map")
	case 22:
		return Tuple{d.text(), int64(1)}
	case 23:
		return Object{MapOf(Entry{"a", d.any()})}
	case 24:
		return []level{1, level(rapid.Int().Draw(d.t, "n"))}
	case 25:
		return map[level]any{1: d.any(), 12: d.any()}
	case 26:
		return map[inner]any{{"a", "b"}: d.any()}
	case 27:
		return texted{d.text()}
	case 28:
		return &jsoned{rapid.SampledFrom([]string{"error", "[1, {", `{"b": [1.0]}`, "null"}).Draw(d.t, "JSON")}
	case 29:
		return []onPtr{{d.text()}}
	case 30:
		return []any{&onPtr{d.text()}, (*onPtr)(nil), onPtr{d.text()}}
	case 31:
		return fmt.Errorf("refused: %s", d.text())
	case 32:
		return refused{d.text()}
	case 33:
		return embeds2{Time: time.Unix(1, 0), Object: Object{MapOf(Entry{"a", "b"})}, word: "w", Word2: "w"}
	case 34:
		return &embeds2{Map: NewMap(0), Int: big.NewInt(1)}
	case 35:
		return twice{1, 2, inner{d.text(), "z"}, d.text()}
	case 36:
		return many{A: d.any(), U: d.any(), M: d.any(), inner: rapid.SampledFrom([]*inner{nil, {d.text(), ""}}).Draw(d.t, "inner")}
	case 37:
		s := &self{Name: d.text()}
		s.self = rapid.SampledFrom([]*self{nil, s, {Name: "other"}, {self: &self{self: s}}}).Draw(d.t, "self")
		return s
	case 38:
		f := forest{"a": nil}
		f["b"] = rapid.SampledFrom([]forest{nil, f, {"c": f}, {}}).Draw(d.t, "forest")
		return f
	case 39:
		f := tree{nil, {}, nil}
		f[2] = rapid.SampledFrom([]tree{nil, f, f[:2], {f}, {{}, {nil}}}).Draw(d.t, "tree")
		return f
	case 40:
		return [][]any{{d.any()}, nil, {}}
	case 41:
		return rapid.SampledFrom([]any{(*Map)(nil), Object{}, (*big.Int)(nil), Tuple(nil), []any(nil), []string(nil), map[string]any(nil), (*node)(nil), (*jsoned)(nil), (**int)(nil), error(nil), big.NewInt(7), *big.NewInt(7), math.NaN(), Date{2024, 5, 6}}).Draw(d.t, "odd")
	case 42:
		return []any{struct{}{}, [0]int{}, []struct{}{{}, {}}, new(struct{}), []*struct{}{{}}, struct{ any }{d.any()}, struct{ E error }{}}
	case 43:
		return around(d.any(), rapid.IntRange(deepest-6, deepest+2).Draw(d.t, "depth"))
	case 44:
		return []any{flag(true), share(0.1), ratio(2), tiny(-1), word("w"), blob("b\xff"), octets{1}, words{"a"}, [2]word{"x"}, uintptr(3), complex(1, 2)}
	}
	return map[any]any{d.text(): d.any(), 2: 1, level(3): nil, "x": [1]any{d.any()}}
}

// around has n levels around v.
func around(v any, n int) any {
	for i := range n {
		switch i % 4 {
		case 0:
			v = []any{v}
		case 1:
			v = &struct{ V any }{v}
		case 2:
			v = map[string]any{"k": v}
		default:
			v = MapOf(Entry{"m", v})
		}
	}
	return v
}

func (d *drawn) text() string {
	return rapid.SampledFrom([]string{"", "a", "some text", "\xff", "zone", "host"}).Draw(d.t, "text")
}

func (d *drawn) textPtr() *string {
	if rapid.Bool().Draw(d.t, "nil") {
		return nil
	}
	return new(d.text())
}

func (d *drawn) node() *node {
	n := &node{Name: d.text()}
	if len(d.nodes) < 4 { // what all ways through more of them lead to takes too long
		d.nodes = append(d.nodes, n)
	}
	other := rapid.SampledFrom(d.nodes)
	for range rapid.IntRange(0, 2).Draw(d.t, "list") {
		n.List = append(n.List, other.Draw(d.t, "node"))
	}
	if rapid.Bool().Draw(d.t, "next") {
		n.Next = other.Draw(d.t, "node")
	}
	if rapid.Bool().Draw(d.t, "map") {
		n.Map = map[word]node{"m": *other.Draw(d.t, "node")}
		n.inner = &inner{d.text(), d.text()}
	}
	return n
}

func (d *drawn) nested() nested {
	n := nested{
		inner: inner{d.text(), "z"}, Outer2: Outer2{d.any(), d.any()}, HOST: d.text(), hidden: "h", any: 1, Time: time.Unix(5, 0), Took: 3, Number: "1.0",
		Raw: json.RawMessage(`{"b": 1, "a": 2}`), Unsigned: rapid.Uint64().Draw(d.t, "n"), Small: 0.1, Long: 1 << 40, Level: 300, Word: "w", Flag: true, Share: 0.3, Blob: blob("b\xff"),
		Words: words{"a", "b"}, Any: d.any(), Pointers: []*string{d.textPtr()}, Tuple: Tuple{1}, List: []any{d.any(), 1}, Numbers: map[level]float32{2: 0.1, 10: 2},
		Mixed: map[any]any{d.text(): d.any()}, Structs: map[inner]*inner{{"a", "b"}: {"c", "d"}, {}: nil}, Complex: 1i, OnPtr: onPtr{"o"}, Refused: refused{"r"}, Texted: texted{d.text()},
	}
	if rapid.Bool().Draw(d.t, "full") {
		n.Outer, n.Deep, n.Jsoned, n.OnPtr2 = &Outer{Host: d.text(), Extra: new(3)}, new(new(4)), &jsoned{`[1.0]`}, &onPtr{"p"}
		n.Map, n.Object, n.Big, n.Day, n.Error, n.error = MapOf(Entry{"k", 1}), Object{MapOf(Entry{"k", d.any()})}, big.NewInt(5), &Date{1, 2, 3}, errIO, errIO
		n.Node, n.Forest, n.Tree = d.node(), forest{"a": {"b": nil}}, tree{nil, {nil}}
	}
	return n
}

var errIO = errors.New("input/output error")

// Of gives the same as looking at each datum anew.
func TestOfIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for range 8 {
			d := &drawn{t: t, left: 12}
			v := d.any()
			if got, want := Of(v), ofByReflection(v); !same(got, want) {
				t.Fatalf("%#v\n got %s\nwant %s", v, Repr(got), Repr(want))
			}
		}
	})
}

// What is too deep is cut off at the same level.
func TestOfIsAsDeep(t *testing.T) {
	for n := deepest - 8; n < deepest+4; n++ {
		for _, v := range []any{"text", 1, new(1), new(new(new(new(1)))), []inner{{}}, &node{List: []*node{{}}, inner: &inner{}}, map[word][]word{"a": {"b"}}, &self{self: &self{}}, [][][]int{{{1}}}, NewMap(0), []any{}, Object{}, Tuple{1}} {
			v = around(v, n)
			if got, want := Of(v), ofByReflection(v); !same(got, want) {
				t.Errorf("%d levels\n got %s\nwant %s", n, Repr(got), Repr(want))
			}
		}
	}
}

// same says that two results of Of are alike to the last detail; both end.
func same(a, b any) bool {
	if reflect.TypeOf(a) != reflect.TypeOf(b) {
		return false
	}
	switch a := a.(type) {
	case float64:
		return math.Float64bits(a) == math.Float64bits(b.(float64))
	case *Map:
		return sameMaps(a, b.(*Map))
	case Object:
		return sameMaps(a.Map, b.(Object).Map)
	case []any:
		return sameLists(a, b.([]any))
	case Tuple:
		return sameLists(a, b.(Tuple))
	}
	return reflect.DeepEqual(a, b)
}

func sameLists(a, b []any) bool {
	if len(a) != len(b) || (a == nil) != (b == nil) {
		return false
	}
	for i := range a {
		if !same(a[i], b[i]) {
			return false
		}
	}
	return true
}

func sameMaps(a, b *Map) bool {
	if a.Len() != b.Len() || (a == nil) != (b == nil) {
		return false
	}
	for i, e := range a.Entries() {
		other := b.Entries()[i]
		if e.Key != other.Key || a.find(e.Key) != i || !same(e.Value, other.Value) {
			return false
		}
	}
	return true
}

// A type may be met by several at once.
func TestOfAtOnce(t *testing.T) {
	type fresh struct {
		Next  *fresh
		Inner struct{ List []fresh }
		many
	}
	want := Repr(ofByReflection(fresh{Next: &fresh{}}))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if got := Repr(Of(fresh{Next: &fresh{}})); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
	all.Wait()
}

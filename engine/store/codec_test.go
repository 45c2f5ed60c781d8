package store

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tocsin/engine"
	"tocsin/engine/episode"
	"tocsin/templating"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// anyValue is any value that a workflow can have, also those that look like our tags.
func anyValue(depth int) *rapid.Generator[any] {
	scalars := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.Int64().AsAny(), rapid.Float64().AsAny(), rapid.String().AsAny(),
		rapid.SampledFrom([]any{
			1.0, math.Inf(1), -0.5, "\xff\xfe", "é\x00", value.Date{Year: 2026, Month: 1, Day: 2}, noon, noon.In(value.Naive),
			noon.In(time.FixedZone("", 3723)), new(big.Int).Lsh(big.NewInt(1), 80),
		}),
	}
	if depth == 0 {
		return rapid.OneOf(scalars...)
	}
	items := rapid.SliceOfN(rapid.Deferred(func() *rapid.Generator[any] { return anyValue(depth - 1) }), 0, 4)
	list := rapid.Map(items, func(l []any) any { return append([]any{}, l...) })
	tuple := rapid.Map(items, func(l []any) any { return append(value.Tuple{}, l...) })
	mapping := rapid.Custom(func(t *rapid.T) any {
		m := value.NewMap(0)
		for _, v := range items.Draw(t, "values") {
			m.Set(rapid.SampledFrom([]string{"a", "b", "z", "$tuple", "$map", "$deep", "$date", ""}).Draw(t, "key"), v)
		}
		return m
	})
	object := rapid.Map(mapping, func(m any) any { return value.Object{Map: m.(*value.Map)} })
	return rapid.OneOf(append(scalars, list, tuple, mapping, object)...)
}

func show(v any) string {
	switch v := v.(type) {
	case value.Object:
		return "object " + show(v.Map)
	case *value.Map:
		text := "{"
		for k, item := range v.All() {
			text += fmt.Sprintf("%q: %s, ", k, show(item))
		}
		return text + "}"
	case value.Tuple:
		return "tuple " + show([]any(v))
	case []any:
		text := "["
		for _, item := range v {
			text += show(item) + ", "
		}
		return text + "]"
	case time.Time:
		return fmt.Sprint("time ", v.Format(time.RFC3339Nano), v.Location() == value.Naive)
	case *big.Int:
		return "big " + v.String()
	}
	return fmt.Sprintf("%T %#v", v, v)
}

// Every value comes back as it was: types and the order of keys too.
func TestValuesComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := anyValue(4).Draw(t, "value")
		back, err := decode(encode(v))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := show(back), show(v); got != want {
			t.Fatalf("%s\nwant\n%s\nas %s", got, want, encode(v))
		}
	})
}

// A call may return 64 levels.
func TestDeepValuesComeBack(t *testing.T) {
	var v any = "x"
	for range 64 {
		v = value.Tuple{value.MapOf(value.Entry{Key: "k", Value: v})}
	}
	back, err := decode(encode(v))
	if err != nil || show(back) != show(v) {
		t.Fatal(err, show(back))
	}
}

// lineOf is an event as it is stored.
func lineOf(e engine.Event) []byte { return appendEvent(nil, &e) }

// All of an event comes back, but that its errors are their words and whose they were.
func TestEventsComeBack(t *testing.T) {
	pos := source.Pos{File: "a.yaml", Line: 3, Col: 4}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		e := engine.Event{
			Time: moment(rapid.Int64Range(1, 1<<62).Draw(t, "time")), Run: "r", Workflow: "w",
			Action: engine.Calling, Trigger: text.Draw(t, "trigger"), DryRun: rapid.Bool().Draw(t, "dry"),
			Step: text.Draw(t, "step"), Kind: workflows.Notify, Provider: text.Draw(t, "provider"), Pos: pos,
			Item: rapid.IntRange(0, 1000).Draw(t, "item"), Attempt: rapid.IntRange(0, 9).Draw(t, "attempt"),
			Status: engine.Broken, Reason: text.Draw(t, "reason"), Fired: rapid.Bool().Draw(t, "fired"),
			With: anyValue(2).Draw(t, "with"), Output: anyValue(2).Draw(t, "output"),
			Duration: time.Duration(rapid.Int64().Draw(t, "took")),
			Check: &engine.Check{
				Name: "n", Type: "assert", Text: text.Draw(t, "text"), Held: true, Words: text.Draw(t, "words"), Pos: pos,
				Value: anyValue(1).Draw(t, "v"), Tree: &templating.Explanation{Text: "a", Value: int64(1), Parts: []templating.Explanation{{Text: "b", Missing: true, Error: "no"}}},
			},
		}
		back, err := decodeEvents("r", "w", lineOf(e))
		if err != nil || len(back) != 1 {
			t.Fatal(err, back)
		}
		b := back[0]
		if show(b.With) != show(e.With) || show(b.Output) != show(e.Output) || show(b.Check.Value) != show(e.Check.Value) {
			t.Fatalf("values: %+v\nwant\n%+v", b, e)
		}
		b.With, b.Output, b.Check.Value = e.With, e.Output, e.Check.Value
		if !reflect.DeepEqual(b, e) {
			t.Fatalf("%+v\nwant\n%+v", b, e)
		}
	})
}

// A field that an event or a check is given one day is kept, too.
func TestEveryFieldComesBack(t *testing.T) {
	event := reflect.TypeFor[engine.Event]()
	for i := range event.NumField() {
		var e engine.Event
		f := event.Field(i)
		if f.Tag.Get("json") == "-" || !fill(reflect.ValueOf(&e).Elem().Field(i)) {
			continue // TestEventsComeBack has it
		}
		back := must(decodeEvents(e.Run, e.Workflow, lineOf(e)))[0]
		if reflect.ValueOf(back).Field(i).IsZero() {
			t.Errorf("an event's %s is lost: %s", f.Name, lineOf(e))
		}
	}
	notice := reflect.TypeFor[episode.Notice]()
	for i := range notice.NumField() {
		n := episode.Notice{}
		f := notice.Field(i)
		if f.Tag.Get("json") == "-" || !fill(reflect.ValueOf(&n).Elem().Field(i)) {
			continue
		}
		back := must(decodeEvents("", "", lineOf(engine.Event{Notice: &n})))[0]
		if back.Notice == nil || !reflect.DeepEqual(*back.Notice, n) {
			t.Errorf("a notice's %s is lost: %+v", f.Name, back.Notice)
		}
	}
	check := reflect.TypeFor[engine.Check]()
	for i := range check.NumField() {
		c := engine.Check{}
		f := check.Field(i)
		if f.Tag.Get("json") == "-" || !fill(reflect.ValueOf(&c).Elem().Field(i)) {
			continue
		}
		back := must(decodeEvents("", "", lineOf(engine.Event{Check: &c})))[0]
		if back.Check == nil || reflect.ValueOf(*back.Check).Field(i).IsZero() {
			t.Errorf("a check's %s is lost", f.Name)
		}
	}
}

// fill gives v a value that is not its zero one, where that is simple.
func fill(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Int, reflect.Int64:
		v.SetInt(3)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		return fill(v.Index(0))
	case reflect.Interface:
		if v.NumMethod() > 0 {
			return false
		}
		v.Set(reflect.ValueOf("x"))
	case reflect.Struct:
		if _, isTime := v.Interface().(time.Time); isTime {
			v.Set(reflect.ValueOf(noon))
			return true
		}
		for i := range v.NumField() {
			if !fill(v.Field(i)) {
				return false
			}
		}
	default:
		return false
	}
	return true
}

func TestErrorsAreWords(t *testing.T) {
	of := &engine.StepError{Pos: source.Pos{File: "a.yaml", Line: 1, Col: 2}, Step: "tell", Attempt: 2, Err: errors.New("refused")}
	e := engine.Event{Action: engine.StepEnded, Step: "tell", Pos: of.Pos, Attempt: 2, Status: engine.Broken, Reason: "refused", Err: of}
	back := must(decodeEvents("r", "w", lineOf(e)))[0]
	var step *engine.StepError
	if !errors.As(back.Err, &step) || step.Error() != of.Error() {
		t.Errorf("%#v", back.Err)
	}
	e.Err = errors.New("something else")
	if back := must(decodeEvents("r", "w", lineOf(e)))[0]; back.Err.Error() != "something else" {
		t.Error(back.Err)
	}
}

// What was damaged on disk is an error, whatever it is, and nothing panics.
func FuzzDecode(f *testing.F) {
	f.Add(lineOf(script("r")[3]))
	f.Add(pack(nil, lineOf(script("r")[3])))
	f.Add(encodeJob(aJob("r")))
	f.Add([]byte(`{"$tuple": 1, "$deep": "{"}`))
	f.Add([]byte(`{"$object": {"$map": [{"$date": "x"}]}}`))
	f.Fuzz(func(_ *testing.T, text []byte) {
		_, _ = decode(text)
		_, _ = decodeMap(text)
		_, _ = decodeEvents("r", "w", text)
		_, _ = decodeJob(text)
	})
}

package templating

import (
	"testing"
	"time"

	"tocsin/templating/value"
)

// monday is when the tests are: a Monday.
func monday() time.Time { return time.Date(2024, 5, 6, 12, 0, 0, 123_456_789, time.UTC) }

// TestKeepFunctions is spec §5 as texts and what they render to, with the fixes of
// §11.1 B-7. An error begins with "error: ".
func TestKeepFunctions(t *testing.T) {
	tests := []struct{ text, want string }{
		// arithmetic
		{"keep.add()", "0"},
		{"keep.add({{ data.missing }})", "0"},
		{"keep.add('7', 3)", "10"},
		{"keep.add(0.1, 0.2)", "0.30000000000000004"},
		{"keep.add(9223372036854775807, 1)", "9223372036854775808"},
		{"keep.sub(-3, -4)", "1"},
		{"keep.mul('1e2', 2)", "200.0"},
		{"keep.div(9)", "9"},
		{"keep.div(-7, 2)", "-3.5"},
		{"keep.div(7.5, 2.5)", "3"},
		{"keep.div(98765432109876543210, 10)", "9876543210987654321"},
		{"keep.div(1, 0)", "error: keep.div: division by zero"},
		{"keep.mod(95, 20, 6)", "3"},
		{"keep.mod(-7, 3)", "2"},
		{"keep.mod(7, -3)", "-2"},
		{"keep.mod(7.5, 2)", "1.5"},
		{"keep.fdiv(-7, 2)", "-4"},
		{"keep.fdiv(7.5, 2)", "3.0"},
		{"keep.exp(2, 0.5)", "1.4142135623730951"},
		{"keep.exp(2, -1)", "0.5"},
		{"keep.add('x', 1)", "error: keep.add: argument 1 is 'x', want a number"},
		{"keep.add(True, 1)", "error: keep.add: argument 1 is True, want a number"},
		{"keep.sub()", "error: keep.sub: no first given, it takes (first, *numbers)"},

		// comparison
		{"keep.eq(5, '5')", "True"},
		{"keep.eq('a', 'b')", "False"},
		{"keep.eq(None, 'None')", "True"},
		{"keep.eq(1.5, '1.5')", "True"},
		{"keep.eq({'a': 1}, {'a': 1})", "True"},
		{"keep.eq({{ data.missing }}, '')", "True"},
		{"keep.all('aaa')", "True"},
		{"keep.all([])", "True"},
		{"keep.all({{ data.words }})", "False"},
		{"keep.diff('ab')", "True"},
		{"keep.diff([])", "False"},

		// lists
		{"keep.len()", "0"},
		{"keep.len(abc)", "3"},
		{"keep.len('né✓')", "3"},
		{"keep.len({{ data.words }})", "2"},
		{"keep.len('{{ data.words }}')", "2"},
		{"keep.len({{ data.missing }})", "0"},
		{"keep.len((1, 2))", "2"},
		{"keep.index(['p', 'q'], '0')", "p"},
		{"keep.index(['p', 'q'], -2)", "p"},
		{"keep.index(['p', 'q'], 2)", "error: keep.index: there is no element 2 of 2"},
		{"keep.index(['p', 'q'], 'x')", "error: keep.index: index is 'x', want a number"},
		{"keep.index(['p', 'q'], 0.5)", "error: keep.index: index is 0.5, want a whole number"},
		{"keep.first([])", "error: keep.first: there are no elements"},
		{"keep.last('xyz')", "z"},
		{"keep.join({{ data.words }}, '; ')", "disk; it's full"},
		{"keep.join('{{ data.words }}')", "disk,it's full"},
		{"keep.join(['a', 'b'], '&', 'x_')", "x_a&x_b"},
		{"keep.join({'k': 1, 'j': None}, prefix='p.')", "p.k=1,p.j=None"},
		{"keep.join([1, None, True, 2.0])", "1,None,True,2.0"},
		{"keep.join('[1, 2,]', '+')", "1+2"},
		{"keep.join([], ',')", ""},
		{"keep.join({{ data.missing }})", ""},
		{"keep.join('nope')", "error: keep.join: iterable is 'nope', want a list or a mapping"},

		// texts
		{"keep.lowercase('ABC')", "abc"},
		{"keep.title(\"it's two words\")", "It'S Two Words"},
		{"keep.split(' a b ', ' ')", "['a', 'b']"},
		{"keep.split('ab', '')", "error: keep.split: the delimiter is empty"},
		{"keep.split('a')", "error: keep.split: no delimiter given, it takes (string, delimiter)"},
		{"keep.remove_newlines()", ""},
		{"keep.remove_newlines('{{ data.lines }}')", "onetwo three"},
		{"keep.slice('keepalive', -5)", "alive"},
		{"keep.slice('keepalive', 2, -3)", "epal"},
		{"keep.slice('keepalive', 0, '0')", "keepalive"},
		{"keep.slice('keep', 9, 12)", ""},
		{"keep.slice('né✓', 1, 2)", "é"},
		{"keep.slice([1, 2, 3], 1)", "[2, 3]"},
		{"keep.encode('~._-/ é&=')", "~._-/%20%C3%A9%26%3D"},
		{"keep.uppercase(string='abc')", "ABC"},
		{"keep.uppercase('Straße ﬁ')", "STRASSE FI"},
		{"[keep.uppercase('{{ data.missing }}')] [keep.strip([])]", "[] []"},
		{"keep.title('ßtraße ﬁn')", "Sstraße Fin"},
		{"keep.capitalize('ßA')", "Ssa"},
		{"keep.split('a;b', delimeter=';')", "['a', 'b']"},
		{"keep.to_utc()", ""},
		{"keep.to_utc({{ alert.no }})", ""},
		{"keep.to_timestamp({{ alert.no }})", "0"},
		{"keep.datetime_compare(keep.to_utc({{ alert.no }}))", "0"},
		{"keep.from_timestamp('12.5%')", ""},
		{"keep.from_timestamp(0, 'utc') keep.from_timestamp(0, '')", "1970-01-01 00:00:00+00:00 "},
		{"keep.last([datetime.date(2024, 5, 6), datetime.datetime(2024, 5, 6, 7, 8, 9)])", "2024-05-06 07:08:09"},
		{"keep.add_time_to_date('05/06/24 07:08:09', '%x %X', '1h')", "2024-05-06 08:08:09"},
		{"keep.add_time_to_date('Mon May  6 07:08:09 2024', '%c', '1d')", "2024-05-07 07:08:09"},
		{"keep.uppercase(text='abc')", `error: keep.uppercase: no parameter "text", it takes (string)`},

		// mappings
		{`keep.json_dumps('{"a": 1}')`, "{\n    \"a\": 1\n}"},
		{"keep.json_dumps('nope')", "error: keep.json_dumps: JSON, line 1, column 1: want a value, found 'n'"},
		{"keep.json_dumps({{ data.when }})", `"2024-05-06 07:08:09+00:00"`},
		{"x keep.json_loads('{{ data.raw }}')", `x {"a": "1\n2"}`},
		{"x keep.json_loads('nope')", "x {}"},
		{"keep.dict_to_key_value_list({'a': 1, 'b': None})", "['a:1', 'b:None']"},
		{"x keep.dict_pop({{ data.map }}, 'x_a')", `x {"y": 2}`},
		{"keep.dict_pop('nope', 'a')", "error: keep.dict_pop: data is 'nope', want a mapping"},
		{"x keep.dict_pop_prefix({{ data.map }}, 'x_')", `x {"y": 2}`},
		{"x keep.dict_filter_by_prefix('{{ data.map }}', 'x_')", `x {"x_a": 1}`},
		{"keep.dictget({'a': 'v'}, 'a')", "v"},
		{`keep.dictget('{"a": "v"}', 'a')`, "v"},
		{"keep.dictget({{ data.missing }}, 'a', 'd')", "d"},
		{"keep.dictget({'a': 'v'}, 'b')", "None"},
		{"x keep.dict_set({'a': 1}, 'b', 5)", `x {"a": 1, "b": "5"}`},
		{"x keep.dict_set({'a': 1}, 'b', [5])", `x {"a": 1, "b": [5]}`},
		{"x keep.dict_set('nope', 'b', 'x')", `x {"b": "x"}`},
		{"x keep.dict_merge()", "x {}"},
		{`x keep.dict_merge({'a': 1}, 'oops', '{"b": 2}')`, `x {"a": 1, "b": 2}`},

		// times
		{"keep.utcnow()", "2024-05-06 12:00:00.123456+00:00"},
		{"keep.utcnowtimestamp()", "1714996800"},
		{"keep.utcnowiso()", "2024-05-06T12:00:00.123456+00:00"},
		{"[keep.to_utc('garbage')]", "[]"},
		{"[keep.to_utc({{ data.missing }})]", "[]"},
		{"keep.to_utc({{ data.when }})", "2024-05-06 07:08:09+00:00"},
		{"keep.to_timestamp({{ data.when }})", "1714979289"},
		{"keep.to_timestamp('garbage')", "0"},
		{"keep.from_timestamp(1700000000, 'America/New_York')", "2023-11-14 17:13:20-05:00"},
		{"keep.from_timestamp('-1.5')", "1969-12-31 23:59:58.500000+00:00"},
		{"[keep.from_timestamp('x')]", "[]"},
		{"[keep.from_timestamp(1e300)]", "[]"},
		{"keep.datetime_compare(keep.to_utc('2024-05-06T18:00:00Z'), keep.to_utc('2024-05-06T08:00:00Z'))", "10.0"},
		{"keep.datetime_compare('', keep.utcnow())", "0"},
		{"keep.datetime_compare('2024-05-06', keep.utcnow())", "error: keep.datetime_compare: t1 is '2024-05-06', not a time: use keep.to_utc(...)"},
		{"keep.timestamp_delta(keep.to_utc('2024-05-06T10:00:00Z'), -1.5, 'hours')", "2024-05-06 08:30:00+00:00"},
		{"keep.timestamp_delta('2024-05-06', 2, 'weeks')", "2024-05-20 00:00:00+00:00"},
		{"keep.timestamp_delta('2024-05-06', 2, 'years')", `error: keep.timestamp_delta: no unit "years": seconds, minutes, hours, days or weeks`},
		{"keep.timestamp_delta('2024-05-06', 1e30, 'weeks')", "error: keep.timestamp_delta: 1e+30 weeks are more than 140 years"},
		{"keep.substract_minutes(keep.to_utc('2024-05-06T10:00:00Z'), 90)", "2024-05-06 08:30:00+00:00"},
		{"keep.add_time_to_date('2024-02-27', '%Y-%m-%d', '1w 2d 3h 4m 5s and 7 more')", "2024-03-07 03:04:05"},
		{"keep.add_time_to_date('2024-02-27', '%Y-%m-%d', '99999999999999999999w')", "error: keep.add_time_to_date: '99999999999999999999w' is more than 140 years"},
		{"keep.is_business_hours()", "True"},
		{"keep.is_business_hours(end_hour=12)", "False"},
		{"keep.is_business_hours(start_hour='12')", "True"},
		{"keep.is_business_hours(timezone='Asia/Tokyo')", "False"},
		{"keep.is_business_hours('2024-05-05T09:00:00Z')", "False"},
		{"keep.is_business_hours('2024-05-05T09:00:00Z', business_days=[6])", "True"},
		{"keep.is_business_hours('zz')", "False"},
		{"keep.is_business_hours(business_days=[7])", "error: keep.is_business_hours: invalid business days [7]: they are numbers from 0 (Monday) to 6 (Sunday)"},
		{"keep.is_business_hours(start_hour=25)", "error: keep.is_business_hours: hours must be between 0 and 23"},
		{"keep.is_business_hours(timezone='Bad')", "error: keep.is_business_hours: no time zone 'Bad'"},
		{"keep.is_business_hours(timezone='Local')", "error: keep.is_business_hours: no time zone 'Local'"},
	}
	entry := func(key string, v any) value.Entry { return value.Entry{Key: key, Value: v} }
	scope := &Scope{Now: monday, Data: map[string]any{"data": value.MapOf(
		entry("words", []any{"disk", "it's full"}),
		entry("lines", "one\r\ntwo\t three\n"),
		entry("raw", "{\"a\": \"1\n2\"}"),
		entry("map", value.MapOf(entry("x_a", int64(1)), entry("y", int64(2)))),
		entry("when", time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)),
	)}}
	language := Language{Functions: Builtin()}
	for _, tt := range tests {
		if got := rendered(t, language, scope, tt.text); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.text, got, tt.want)
		}
	}
}

// rendered is what a text renders to, or the error.
func rendered(t *testing.T, language Language, scope *Scope, text string) string {
	t.Helper()
	template, err := language.Parse(text)
	if err != nil {
		return "error: " + message(err)
	}
	got, err := template.Render(t.Context(), scope)
	if err != nil {
		return "error: " + message(err)
	}
	return value.Text(got)
}

// message is the error without the text around its place.
func message(err error) string {
	if e, ok := err.(*Error); ok {
		return e.Message
	}
	return err.Error()
}

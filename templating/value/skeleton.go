package value

// Of makes a value out of Go data: maps with string keys (their keys sorted),
// slices, numbers of every size, pointers, named types, json.Number, and structs,
// whose fields are named by their param tag, else their json tag, else in lower
// case; unexported fields and those tagged "-" are left out. What it does not know
// becomes its fmt text. Values are returned as they are.
func Of(v any) any { panic("unwritten") }

// DecodeJSON reads one JSON text: keys keep their order, numbers without a fraction
// or exponent are int64 or *big.Int. Depth is limited to 64 levels.
func DecodeJSON(text []byte) (any, error) { panic("unwritten") }

// AppendJSON appends v as compact JSON, keys in their order, to dst.
func AppendJSON(dst []byte, v any) []byte { panic("unwritten") }

// MarshalJSON keeps the order of the keys.
func (m *Map) MarshalJSON() ([]byte, error) { panic("unwritten") }

// Text is v as Python's str prints it (spec §4.4); nil is "".
func Text(v any) string { panic("unwritten") }

// AppendText appends Text(v) to dst.
func AppendText(dst []byte, v any) []byte { panic("unwritten") }

// Repr is v as Python's repr prints it; nil is "None".
func Repr(v any) string { panic("unwritten") }

// ParsePython reads a Python literal, the inverse of Repr: strings with either
// quote, numbers, True, False, None, lists, tuples, sets, dicts,
// datetime.datetime(...), datetime.date(...), Decimal('...').
func ParsePython(text string) (any, error) { panic("unwritten") }

// Truthy is Python's truth of v: false for nil, false, 0, "", and what is empty.
func Truthy(v any) bool { panic("unwritten") }

// Equal is strict equality: numbers by value whatever their type, lists and
// mappings by their elements (the order of keys does not count).
func Equal(a, b any) bool { panic("unwritten") }

// Member is one step of a path into v: the key of a Map, the index of a list
// (negative ones count from the end) or the character of a string.
func Member(v any, part string) (any, bool) { panic("unwritten") }

package templating

// sprigLists work on lists; none changes the list it is given.
func sprigLists() []sprigRow {
	return []sprigRow{
		{
			name: "list", params: "(*values)",
			doc:     "The list of the values.",
			example: "{{ 2 | list 1 }} == [1, 2]",
		},
		{
			name: "first", params: "(list)",
			doc:     "The first element; nothing for an empty list.",
			example: "{{ [1, 2] | first }} == 1",
			more:    "mustFirst",
		},
		{
			name: "last", params: "(list)",
			doc:     "The last element; nothing for an empty list.",
			example: "{{ [1, 2] | last }} == 2",
			more:    "mustLast",
		},
		{
			name: "rest", params: "(list)",
			doc:     "All but the first element.",
			example: "{{ [1, 2, 3] | rest }} == [2, 3]",
			more:    "mustRest",
		},
		{
			name: "initial", params: "(list)",
			doc:     "All but the last element.",
			example: "{{ [1, 2, 3] | initial }} == [1, 2]",
			more:    "mustInitial",
		},
		{
			name: "append", params: "(list, value)",
			doc:     "The list with one more element.",
			example: "{{ append([1], 2) }} == [1, 2]",
			more:    "push mustAppend mustPush",
		},
		{
			name: "prepend", params: "(list, value)",
			doc:     "The list with an element in front.",
			example: "{{ prepend([1], 2) }} == [2, 1]",
			more:    "mustPrepend",
		},
		{
			name: "concat", params: "(*lists)",
			doc:     "The elements of all lists in one.",
			example: "{{ [2] | concat [1] }} == [1, 2]",
		},
		{
			name: "reverse", params: "(list)",
			doc:     "The list from its end to its beginning.",
			example: "{{ [1, 2] | reverse }} == [2, 1]",
			more:    "mustReverse",
		},
		{
			name: "uniq", params: "(list)",
			doc:     "The list without repetitions.",
			example: "{{ [1, 2, 1] | uniq }} == [1, 2]",
			more:    "mustUniq",
		},
		{
			name: "compact", params: "(list)",
			doc:     "The list without empty elements.",
			example: "{{ [1, 0, 2] | compact }} == [1, 2]",
			more:    "mustCompact",
		},
		{
			name: "without", params: "(list, *values)",
			doc:     "The list without these elements.",
			example: "{{ without([1, 2, 3], 2) }} == [1, 3]",
			more:    "mustWithout",
		},
		{
			name: "has", params: "(value, list)",
			doc:     "Whether the value is in the list.",
			example: "{{ [1, 2] | has 2 }}",
			more:    "mustHas",
		},
		{
			name: "slice", params: "(list, *positions)",
			doc:     "The elements from a position up to another.",
			example: "{{ slice([1, 2, 3], 1, 3) }} == [2, 3]",
			more:    "mustSlice",
		},
		{
			name: "chunk", params: "(size, list)",
			doc:     "The list in lists of a size.",
			example: "{{ [1, 2, 3] | chunk 2 }} == [[1, 2], [3]]",
			more:    "mustChunk",
		},
		{
			name: "sortAlpha", params: "(list)",
			doc:     "The elements as texts, in order.",
			example: `{{ ["b", "a"] | sortAlpha }} == ["a", "b"]`,
			printed: true,
		},
		{
			name: "toStrings", params: "(list)",
			doc:     "The elements as texts.",
			example: `{{ [1, 2] | toStrings }} == ["1", "2"]`,
			printed: true,
		},
		{
			name: "join", params: "(separator, list)",
			doc:     "The elements in one text, with a separator between.",
			example: `{{ [1, 2] | join "-" }} == "1-2"`,
			call:    func(a *Args) any { return joinWithin(a, a.String(0), printedAll(a.List(1))) },
		},
		{
			name: "splitList", params: "(separator, text)",
			doc:     "The list of the parts between the separators.",
			example: `{{ "a/b" | splitList "/" }} == ["a", "b"]`,
		},
		{
			name: "split", params: "(separator, text)",
			doc:     "The parts between the separators, as a mapping with the keys _0, _1, ...",
			example: `{{ "a/b" | split "/" }}["_1"] == "b"`,
		},
		{
			name: "splitn", params: "(separator, count, text)",
			doc:     "At most so many parts, as a mapping with the keys _0, _1, ...",
			example: `{{ "a/b/c" | splitn "/" 2 }}["_1"] == "b/c"`,
		},
	}
}

// sprigMappings read and make mappings; keys keep their order.
func sprigMappings() []sprigRow {
	return []sprigRow{
		{
			name: "dict", params: "(*pairs)",
			doc:     "The mapping of keys and values that follow each other.",
			example: `{{ 1 | dict "a" }} == {"a": 1}`,
			call:    newDict,
		},
		{
			name: "get", params: "(mapping, key)",
			doc:     "The value of the key; an empty text if there is none.",
			example: `{{ get({"a": 1}, "a") }} == 1`,
			call:    getKey,
		},
		{
			name: "hasKey", params: "(mapping, key)",
			doc:     "Whether the mapping has the key.",
			example: `{{ hasKey({"a": 1}, "a") }}`,
			call:    hasKey,
		},
		{
			name: "pluck", params: "(key, *mappings)",
			doc:     "The values of the key in all mappings that have it.",
			example: `{{ pluck("a", {"a": 1}, {"a": 2}) }} == [1, 2]`,
			call:    pluck,
		},
		{
			name: "dig", params: "(key, *keys)",
			doc:     "The value that the keys lead to in the last argument; the one before it is what there is otherwise.",
			example: `{{ {"a": {"b": 1}} | dig "a" "b" 0 }} == 1`,
			call:    dig,
		},
		{
			name: "keys", params: "(*mappings)",
			doc:     "The keys of the mappings.",
			example: `{{ {"a": 1, "b": 2} | keys }} == ["a", "b"]`,
			call:    allKeys,
		},
		{
			name: "values", params: "(mapping)",
			doc:     "The values of the mapping.",
			example: `{{ {"a": 1, "b": 2} | values }} == [1, 2]`,
			call:    allValues,
		},
		{
			name: "pick", params: "(mapping, *keys)",
			doc:     "The mapping with only these keys.",
			example: `{{ pick({"a": 1, "b": 2}, "a") }} == {"a": 1}`,
			call:    pick,
		},
		{
			name: "omit", params: "(mapping, *keys)",
			doc:     "The mapping without these keys.",
			example: `{{ omit({"a": 1, "b": 2}, "a") }} == {"b": 2}`,
			call:    dictPop,
		},
		{
			name: "toJson", params: "(value)",
			doc:     "The value as JSON, in one line.",
			example: `{{ {"a": [1, 2]} | toJson }} == '{"a":[1,2]}'`,
			more:    "toRawJson mustToJson mustToRawJson",
			call:    toJSON,
		},
		{
			name: "toPrettyJson", params: "(value)",
			doc:     "The value as JSON, indented.",
			example: `{{ [1] | toPrettyJson }} == "[\n  1\n]"`,
			more:    "mustToPrettyJson",
			call:    toPrettyJSON,
		},
		{
			name: "fromJson", params: "(text)",
			doc:     "The value that the JSON says.",
			example: `{{ '{"a": 1}' | fromJson }} == {"a": 1}`,
			more:    "mustFromJson",
			call:    fromJSON,
		},
		{
			name: "urlParse", params: "(url)",
			doc:     "The parts of a URL: scheme, host, hostname, path, query, fragment, opaque, userinfo.",
			example: `{{ "https://a.example/b" | urlParse }}["host"] == "a.example"`,
		},
		{
			name: "urlJoin", params: "(mapping)",
			doc:     "The URL of such parts.",
			example: `{{ {"scheme": "https", "host": "a.example"} | urlJoin }} == "https://a.example"`,
		},
	}
}

package templating

import (
	"math"
	"slices"
	"strings"
	"time"
)

// sprigTable has what is allowed of sprig: nothing that reads the environment, the
// network, files or random values, makes keys, changes a mapping, or repeats without
// a bound.
func sprigTable() []sprigRow {
	return slices.Concat(sprigTexts(), sprigNumbers(), sprigLists(), sprigMappings(), sprigChoices(), sprigCodes(), sprigTimes())
}

// sprigTexts read and change texts.
func sprigTexts() []sprigRow {
	return []sprigRow{
		{
			name: "abbrev", params: "(width, text)",
			doc:     `The text cut to a width, with "..." at its end.`,
			example: `{{ "hello world" | abbrev 5 }} == "he..."`,
		},
		{
			name: "abbrevboth", params: "(left, right, text)",
			doc:     `The text from one position on cut to a width, with "..." at both ends.`,
			example: `{{ "1234 5678 9123" | abbrevboth 5 10 }} == "...5678..."`,
		},
		{
			name: "trunc", params: "(length, text)",
			doc:     "The first characters of the text, or the last ones for a negative length.",
			example: `{{ "hello world" | trunc 5 }} == "hello"`,
		},
		{
			name: "trim", params: "(text)",
			doc:     "The text without white space at its ends.",
			example: `{{ "  pad " | trim }} == "pad"`,
		},
		{
			name: "trimAll", params: "(characters, text)",
			doc:     "The text without these characters at its ends.",
			example: `{{ "$5.00" | trimAll "$" }} == "5.00"`,
			more:    "trimall",
		},
		{
			name: "trimPrefix", params: "(prefix, text)",
			doc:     "The text without this prefix.",
			example: `{{ "-x" | trimPrefix "-" }} == "x"`,
		},
		{
			name: "trimSuffix", params: "(suffix, text)",
			doc:     "The text without this suffix.",
			example: `{{ "x-" | trimSuffix "-" }} == "x"`,
		},
		{
			name: "upper", params: "(text)",
			doc:     "The text in upper case.",
			example: `{{ "disk" | upper }} == "DISK"`,
		},
		{
			name: "lower", params: "(text)",
			doc:     "The text in lower case.",
			example: `{{ "DISK" | lower }} == "disk"`,
		},
		{
			name: "title", params: "(text)",
			doc:     "The text with its words capitalised.",
			example: `{{ "disk full" | title }} == "Disk Full"`,
		},
		{
			name: "untitle", params: "(text)",
			doc:     "The text with its words beginning in lower case.",
			example: `{{ "Disk Full" | untitle }} == "disk full"`,
		},
		{
			name: "substr", params: "(start, end, text)",
			doc:     "The bytes from start up to end; a negative end is the end of the text.",
			example: `{{ "hello world" | substr 0 5 }} == "hello"`,
		},
		{
			name: "nospace", params: "(text)",
			doc:     "The text without white space.",
			example: `{{ "h e l l o" | nospace }} == "hello"`,
		},
		{
			name: "initials", params: "(text)",
			doc:     "The first letters of the words.",
			example: `{{ "First Try" | initials }} == "FT"`,
		},
		{
			name: "swapcase", params: "(text)",
			doc:     "The text with upper and lower case swapped.",
			example: `{{ "Disk Full" | swapcase }} == "dISK fULL"`,
		},
		{
			name: "snakecase", params: "(text)",
			doc:     "The words in lower case with underscores between.",
			example: `{{ "FirstName" | snakecase }} == "first_name"`,
		},
		{
			name: "camelcase", params: "(text)",
			doc:     "The words capitalised, in one word.",
			example: `{{ "http_server" | camelcase }} == "HttpServer"`,
		},
		{
			name: "kebabcase", params: "(text)",
			doc:     "The words in lower case with hyphens between.",
			example: `{{ "FirstName" | kebabcase }} == "first-name"`,
		},
		{
			name: "wrap", params: "(width, text)",
			doc:     "The text with line breaks at a width.",
			example: `{{ "one two" | wrap 3 }} == "one\ntwo"`,
		},
		{
			name: "wrapWith", params: "(width, separator, text)",
			doc:     "The text with a separator at a width.",
			example: `{{ "one two" | wrapWith 3 "/" }} == "one/two"`,
			size:    wrappedSize,
		},
		{
			name: "contains", params: "(part, text)",
			doc:     "Whether the text contains the part.",
			example: `{{ "disk full" | contains "full" }}`,
		},
		{
			name: "hasPrefix", params: "(prefix, text)",
			doc:     "Whether the text begins with the prefix.",
			example: `{{ "disk full" | hasPrefix "disk" }}`,
		},
		{
			name: "hasSuffix", params: "(suffix, text)",
			doc:     "Whether the text ends with the suffix.",
			example: `{{ "disk full" | hasSuffix "full" }}`,
		},
		{
			name: "quote", params: "(*values)",
			doc:     "The values in double quotes.",
			example: `{{ "a" | quote }} == '"a"'`,
			printed: true,
		},
		{
			name: "squote", params: "(*values)",
			doc:     "The values in single quotes.",
			example: `{{ "a" | squote }} == "'a'"`,
			printed: true,
		},
		{
			name: "cat", params: "(*values)",
			doc:     "The values with a space between.",
			example: `{{ "world" | cat "hello" }} == "hello world"`,
			printed: true,
		},
		{
			name: "repeat", params: "(count, text)",
			doc:     "The text so many times, at most 256 KiB of it.",
			example: `{{ "ab" | repeat 3 }} == "ababab"`,
			size:    func(a *Args) float64 { return float64(a.Int(0)) * float64(len(a.String(1))) },
		},
		{
			name: "indent", params: "(spaces, text)",
			doc:     "Every line of the text with so many spaces in front.",
			example: `{{ "x" | indent 2 }} == "  x"`,
			size:    func(a *Args) float64 { return float64(a.Int(0)) * float64(1+strings.Count(a.String(1), "\n")) },
		},
		{
			name: "nindent", params: "(spaces, text)",
			doc:     "A line break, and every line of the text with so many spaces in front.",
			example: `{{ "x" | nindent 2 }} == "\n  x"`,
			size:    func(a *Args) float64 { return float64(a.Int(0)) * float64(1+strings.Count(a.String(1), "\n")) },
		},
		{
			name: "replace", params: "(old, new, text)",
			doc:     "The text with every old replaced by new.",
			example: `{{ "a b c" | replace " " "-" }} == "a-b-c"`,
			call:    func(a *Args) any { return replaceText(a, a.String(2), a.String(0), a.String(1)) },
		},
		{
			name: "plural", params: "(one, many, count)",
			doc:     "The first text if the count is 1, else the second.",
			example: `{{ 2 | plural "alert" "alerts" }} == "alerts"`,
		},
		{
			name: "toString", params: "(value)",
			doc:     "The value as text.",
			example: `{{ 5 | toString }} == "5"`,
			call:    func(a *Args) any { return a.String(0) },
		},
		{
			name: "atoi", params: "(text)",
			doc:     "The text as an integer; 0 if it is none.",
			example: `{{ "12" | atoi }} == 12`,
		},
		{
			name: "base", params: "(path)",
			doc:     "The last part of a path.",
			example: `{{ "a/b.txt" | base }} == "b.txt"`,
			more:    "osBase",
		},
		{
			name: "dir", params: "(path)",
			doc:     "The path without its last part.",
			example: `{{ "a/b.txt" | dir }} == "a"`,
			more:    "osDir",
		},
		{
			name: "clean", params: "(path)",
			doc:     "The shortest path that means the same.",
			example: `{{ "a/../b" | clean }} == "b"`,
			more:    "osClean",
		},
		{
			name: "ext", params: "(path)",
			doc:     "The extension of a path.",
			example: `{{ "a/b.txt" | ext }} == ".txt"`,
			more:    "osExt",
		},
		{
			name: "isAbs", params: "(path)",
			doc:     "Whether the path begins at the root.",
			example: `{{ "/a" | isAbs }}`,
			more:    "osIsAbs",
		},
	}
}

// sprigNumbers calculate; those that end in f with fractions.
func sprigNumbers() []sprigRow {
	return []sprigRow{
		{
			name: "int", params: "(value)",
			doc:     "The value as an integer; 0 if it is none.",
			example: `{{ "3" | int }} == 3`,
		},
		{
			name: "int64", params: "(value)",
			doc:     "The value as an integer; 0 if it is none.",
			example: `{{ "3" | int64 }} == 3`,
		},
		{
			name: "float64", params: "(value)",
			doc:     "The value as a number; 0 if it is none.",
			example: `{{ "1.5" | float64 }} == 1.5`,
		},
		{
			name: "toDecimal", params: "(octal)",
			doc:     "The integer that an octal number says.",
			example: `{{ "0777" | toDecimal }} == 511`,
		},
		{
			name: "add", params: "(*numbers)",
			doc:     "The sum of the integers.",
			example: "{{ 2 | add 1 }} == 3",
		},
		{
			name: "add1", params: "(number)",
			doc:     "The integer and one.",
			example: "{{ 2 | add1 }} == 3",
		},
		{
			name: "sub", params: "(first, second)",
			doc:     "The first integer less the second.",
			example: "{{ 2 | sub 5 }} == 3",
		},
		{
			name: "mul", params: "(first, *numbers)",
			doc:     "The product of the integers.",
			example: "{{ 2 | mul 3 }} == 6",
		},
		{
			name: "div", params: "(first, second)",
			doc:     "The first integer divided by the second, without the fraction.",
			example: "{{ 2 | div 7 }} == 3",
		},
		{
			name: "mod", params: "(first, second)",
			doc:     "The remainder of the division of the first integer by the second.",
			example: "{{ 2 | mod 7 }} == 1",
		},
		{
			name: "max", params: "(first, *numbers)",
			doc:     "The largest of the integers.",
			example: "{{ 2 | max 1 }} == 2",
			more:    "biggest",
		},
		{
			name: "min", params: "(first, *numbers)",
			doc:     "The smallest of the integers.",
			example: "{{ 2 | min 1 }} == 1",
		},
		{
			name: "addf", params: "(*numbers)",
			doc:     "The sum of the numbers.",
			example: "{{ 2 | addf 1.5 }} == 3.5",
		},
		{
			name: "add1f", params: "(number)",
			doc:     "The number and one.",
			example: "{{ 1.5 | add1f }} == 2.5",
		},
		{
			name: "subf", params: "(first, *numbers)",
			doc:     "The first number less the others.",
			example: "{{ 2 | subf 7.5 }} == 5.5",
		},
		{
			name: "mulf", params: "(first, *numbers)",
			doc:     "The product of the numbers.",
			example: "{{ 2 | mulf 1.5 }} == 3",
		},
		{
			name: "divf", params: "(first, *numbers)",
			doc:     "The first number divided by the others.",
			example: "{{ 2 | divf 5 }} == 2.5",
		},
		{
			name: "maxf", params: "(first, *numbers)",
			doc:     "The largest of the numbers.",
			example: "{{ 2.5 | maxf 1 }} == 2.5",
		},
		{
			name: "minf", params: "(first, *numbers)",
			doc:     "The smallest of the numbers.",
			example: "{{ 2.5 | minf 1 }} == 1",
		},
		{
			name: "ceil", params: "(number)",
			doc:     "The number rounded up.",
			example: "{{ 1.2 | ceil }} == 2",
		},
		{
			name: "floor", params: "(number)",
			doc:     "The number rounded down.",
			example: "{{ 1.8 | floor }} == 1",
		},
		{
			name: "round", params: "(number, places, *up)",
			doc:     "The number rounded to so many places; from which fraction on up is 0.5 unless given.",
			example: "{{ 2 | round 1.256 }} == 1.26",
		},
		{
			name: "until", params: "(count)",
			doc:     "The integers from 0 up to the count, at most 10,000.",
			example: "{{ 3 | until }} == [0, 1, 2]",
			size:    func(a *Args) float64 { return math.Abs(float64(a.Int(0))) / 10_000 * maxGrown },
		},
	}
}

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

// sprigChoices choose between values and look for patterns.
func sprigChoices() []sprigRow {
	return []sprigRow{
		{
			name: "default", params: "(default, *value)",
			doc:     "The value, or the default if it is empty.",
			example: `{{ "" | default "none" }} == "none"`,
			call:    defaulted,
		},
		{
			name: "empty", params: "(value)",
			doc:     "Whether the value is empty.",
			example: `{{ "" | empty }}`,
			call:    func(a *Args) any { return !a.Bool(0) },
		},
		{
			name: "coalesce", params: "(*values)",
			doc:     "The first value that is not empty.",
			example: `{{ "b" | coalesce "" "a" }} == "a"`,
			call:    coalesced,
		},
		{
			name: "ternary", params: "(yes, no, condition)",
			doc:     "The first value if the condition is true, else the second.",
			example: `{{ true | ternary "up" "down" }} == "up"`,
			call:    ternary,
		},
		{
			name: "all", params: "(*values)",
			doc:     "Whether no value is empty.",
			example: "{{ 2 | all 1 }}",
		},
		{
			name: "any", params: "(*values)",
			doc:     "Whether one value is not empty.",
			example: "{{ 2 | any 0 }}",
		},
		{
			name: "deepEqual", params: "(a, b)",
			doc:     "Whether both are equal, and of the same kind.",
			example: "{{ [1] | deepEqual [1] }}",
			call:    deepEqual,
		},
		{
			name: "regexMatch", params: "(regex, text)",
			doc:     "Whether the text has a match.",
			example: `{{ "abc123" | regexMatch "[0-9]+" }}`,
			more:    "mustRegexMatch",
		},
		{
			name: "regexFind", params: "(regex, text)",
			doc:     "The first match; an empty text if there is none.",
			example: `{{ "abc123" | regexFind "[0-9]+" }} == "123"`,
			more:    "mustRegexFind",
		},
		{
			name: "regexFindAll", params: "(regex, text, count)",
			doc:     "The first matches, or all for -1.",
			example: `{{ regexFindAll("[0-9]", "a1b2", -1) }} == ["1", "2"]`,
			more:    "mustRegexFindAll",
		},
		{
			name: "regexReplaceAll", params: "(regex, text, replacement)",
			doc:     "The text with every match replaced; ${1} is the first group.",
			example: `{{ regexReplaceAll("(a)b", "abc", "${1}x") }} == "axc"`,
			more:    "mustRegexReplaceAll",
			size:    replacedSize,
		},
		{
			name: "regexReplaceAllLiteral", params: "(regex, text, replacement)",
			doc:     "The text with every match replaced by exactly this.",
			example: `{{ regexReplaceAllLiteral("b", "abc", "$") }} == "a$c"`,
			more:    "mustRegexReplaceAllLiteral",
			size:    replacedSize,
		},
		{
			name: "regexSplit", params: "(regex, text, count)",
			doc:     "At most so many parts between the matches, or all for -1.",
			example: `{{ regexSplit("[,;]", "a,b;c", -1) }} == ["a", "b", "c"]`,
			more:    "mustRegexSplit",
		},
		{
			name: "regexQuoteMeta", params: "(text)",
			doc:     "The text as a regular expression that matches exactly it.",
			example: `{{ "1.5" | regexQuoteMeta }} == "1\\.5"`,
		},
		{
			name: "semverCompare", params: "(constraint, version)",
			doc:     "Whether the version is as the constraint says.",
			example: `{{ "1.4.0" | semverCompare ">=1.2.0" }}`,
		},
	}
}

// sprigCodes encode, decode and sum.
func sprigCodes() []sprigRow {
	return []sprigRow{
		{
			name: "b64enc", params: "(text)",
			doc:     "The text in base64.",
			example: `{{ "hi" | b64enc }} == "aGk="`,
		},
		{
			name: "b64dec", params: "(text)",
			doc:     "The text that the base64 says.",
			example: `{{ "aGk=" | b64dec }} == "hi"`,
			call:    base64Decoded,
		},
		{
			name: "b32enc", params: "(text)",
			doc:     "The text in base32.",
			example: `{{ "hi" | b32enc }} == "NBUQ===="`,
		},
		{
			name: "b32dec", params: "(text)",
			doc:     "The text that the base32 says.",
			example: `{{ "NBUQ====" | b32dec }} == "hi"`,
			call:    base32Decoded,
		},
		{
			name: "sha1sum", params: "(text)",
			doc:     "The SHA-1 of the text, in hexadecimal digits.",
			example: `{{ "" | sha1sum | trunc 7 }} == "da39a3e"`,
		},
		{
			name: "sha256sum", params: "(text)",
			doc:     "The SHA-256 of the text, in hexadecimal digits.",
			example: `{{ "" | sha256sum | trunc 7 }} == "e3b0c44"`,
		},
		{
			name: "sha512sum", params: "(text)",
			doc:     "The SHA-512 of the text, in hexadecimal digits.",
			example: `{{ "" | sha512sum | trunc 7 }} == "cf83e13"`,
		},
		{
			name: "adler32sum", params: "(text)",
			doc:     "The Adler-32 of the text, as a decimal number.",
			example: `{{ "hi" | adler32sum }} == "20644050"`,
		},
	}
}

// sprigTimes work on times, texts that say one, and seconds since 1970, in the zone that
// they are given in. Layouts are Go's: 2006-01-02 15:04:05.
func sprigTimes() []sprigRow {
	return []sprigRow{
		{
			name: "now", params: "()",
			doc:     "The time.",
			example: "{{ now() | unixEpoch | int }} > 1700000000",
			call:    func(a *Args) any { return a.Now() },
		},
		{
			name: "date", params: "(layout, time)",
			doc:     "The time in a layout.",
			example: `{{ "2024-05-06T07:08:09Z" | date "02.01.2006 15:04" }} == "06.05.2024 07:08"`,
			call:    func(a *Args) any { return a.moment(1).Format(a.String(0)) },
		},
		{
			name: "dateInZone", params: "(layout, time, zone)",
			doc:     "The time in a layout and a zone.",
			example: `{{ dateInZone("15:04", "2024-05-06T07:08:09Z", "Asia/Tokyo") }} == "16:08"`,
			more:    "date_in_zone",
			call:    func(a *Args) any { return a.zoned(1, 2).Format(a.String(0)) },
		},
		{
			name: "htmlDate", params: "(time)",
			doc:     "The day, as 2006-01-02.",
			example: `{{ "May 6 2024 5:30 PM" | htmlDate }} == "2024-05-06"`,
			call:    func(a *Args) any { return a.moment(0).Format(time.DateOnly) },
		},
		{
			name: "htmlDateInZone", params: "(time, zone)",
			doc:     "The day in a zone, as 2006-01-02.",
			example: `{{ htmlDateInZone("2024-05-06T22:00:00Z", "Asia/Tokyo") }} == "2024-05-07"`,
			call:    func(a *Args) any { return a.zoned(0, 1).Format(time.DateOnly) },
		},
		{
			name: "dateModify", params: "(duration, time)",
			doc:     "The time so much later; earlier for -1h30m.",
			example: `{{ "2024-05-06T07:08:09Z" | dateModify "-1h" | date "15:04" }} == "06:08"`,
			more:    "date_modify mustDateModify must_date_modify",
			call:    dateModified,
		},
		{
			name: "toDate", params: "(layout, text)",
			doc:     "The time that a text in this layout says.",
			example: `{{ "06.05.2024" | toDate "02.01.2006" | htmlDate }} == "2024-05-06"`,
			more:    "mustToDate",
			call:    toDate,
		},
		{
			name: "ago", params: "(time)",
			doc:     "How long ago the time was, in seconds.",
			example: `{{ now() | ago }} == "0s"`,
			call:    ago,
		},
		{
			name: "unixEpoch", params: "(time)",
			doc:     "The time in seconds since 1970, as text.",
			example: `{{ "2024-05-06T10:00:00Z" | unixEpoch }} == "1714989600"`,
			call:    unixEpoch,
		},
		{
			name: "duration", params: "(seconds)",
			doc:     "So many seconds as a duration.",
			example: `{{ 95 | duration }} == "1m35s"`,
			printed: true,
		},
		{
			name: "durationRound", params: "(duration)",
			doc:     "The duration in its largest unit.",
			example: `{{ "2h10m5s" | durationRound }} == "2h"`,
			printed: true,
		},
	}
}

// replacedSize bounds what a regexReplaceAll builds: every character can be a match,
// and every $0 the whole text. That much is rarely built, so 64 MiB are let through;
// the result itself is measured like any other.
func replacedSize(a *Args) float64 {
	const let = 64 << 20
	text, replacement := float64(len(a.String(1))), float64(len(a.String(2)))
	return (text + 1) * replacement * 1.5 / let * maxGrown
}

// wrappedSize bounds what the separators add: two lines together are longer than the
// width.
func wrappedSize(a *Args) float64 {
	breaks := 2*len(a.String(2))/max(1, a.Int(0)) + 2
	return float64(breaks) * float64(len(a.String(1)))
}

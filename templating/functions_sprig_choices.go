package templating

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

// replacedSize bounds what a regexReplaceAll builds: every character can be a match,
// and every $0 the whole text. That much is rarely built, so 64 MiB are let through;
// the result itself is measured like any other.
func replacedSize(a *Args) float64 {
	const let = 64 << 20
	text, replacement := float64(len(a.String(1))), float64(len(a.String(2)))
	return (text + 1) * replacement * 1.5 / let * maxGrown
}

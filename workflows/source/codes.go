package source

import (
	"slices"
	"strings"
)

// The codes of problems. A code keeps its number for ever: people write it into
// "# tocsin:ignore" comments. A new one is a row here, a row in rules and a file in
// codes.
const (
	// What a workflow may say.
	NoWorkflow    = "TOC001"
	EmptyWorkflow = "TOC002"
	MissingKey    = "TOC003"
	EmptyValue    = "TOC004"
	WrongType     = "TOC005"
	BadValue      = "TOC006"
	UnknownType   = "TOC007"
	MisplacedKey  = "TOC008"
	SameKey       = "TOC009"
	DuplicateName = "TOC010"
	NoName        = "TOC011"
	UnknownKey    = "TOC012"
	DottedName    = "TOC013"
	ShadowedName  = "TOC014"
	NotAText      = "TOC015"
	NotDisabled   = "TOC016"
	NoEffect      = "TOC017"
	OldSpelling   = "TOC018"
	RetryTwice    = "TOC019"
	UnknownPath   = "TOC020"
	NeverRuns     = "TOC021"

	// YAML.
	BadSyntax        = "TOC031"
	Tab              = "TOC032"
	BadIndent        = "TOC033"
	MissingColon     = "TOC034"
	MissingSpace     = "TOC035"
	SecondColon      = "TOC036"
	TextAfterValue   = "TOC037"
	TextAfterQuote   = "TOC038"
	OpenQuote        = "TOC039"
	OpenBracket      = "TOC040"
	UnquotedTemplate = "TOC041"
	BadStart         = "TOC042"
	BadList          = "TOC043"
	BadKey           = "TOC044"
	BadBlock         = "TOC045"
	BadEscape        = "TOC046"
	MissingValue     = "TOC047"
	BadDirective     = "TOC048"
	BadTag           = "TOC049"
	UnknownTag       = "TOC050"
	UnknownAlias     = "TOC051"
	EndlessAlias     = "TOC052"
	BadMerge         = "TOC053"
	BadDate          = "TOC054"
	DuplicateKey     = "TOC055"
	TooLarge         = "TOC056"
	NotUTF8          = "TOC057"
	ControlCharacter = "TOC058"
	SeveralDocuments = "TOC059"

	// Providers, configurations, inputs.
	UnknownProvider      = "TOC061"
	PlannedProvider      = "TOC062"
	UnsupportedOperation = "TOC063"
	BadConfig            = "TOC064"
	UndefinedConfig      = "TOC065"
	MissingConfig        = "TOC066"
	NoMessage            = "TOC067"
	UnknownAction        = "TOC068"
	BadProviders         = "TOC069"
	BadJSON              = "TOC070"
	UnsetVariable        = "TOC071"
	PartialVariable      = "TOC072"
	NotAVariable         = "TOC073"
	PlainSecret          = "TOC074"
	BadInput             = "TOC075"
	UnknownInput         = "TOC076"

	// Texts and conditions.
	BadText          = "TOC081"
	UnknownReference = "TOC082"
	UnknownRoot      = "TOC083"
	UnknownName      = "TOC084"
	JinjaFilter      = "TOC085"
	JSOperator       = "TOC086"
	Partial          = "TOC087"
	SpacesInPath     = "TOC088"
	BadForeach       = "TOC089"

	// What works, but hardly as meant.
	ConstantCondition    = "TOC101"
	ImpossibleComparison = "TOC102"
	Unreachable          = "TOC103"
	OverruledCondition   = "TOC104"
	KeepDiffers          = "TOC105"
	NoEvent              = "TOC106"
	WrongWay             = "TOC107"
	OtherStep            = "TOC108"
	UnusedStep           = "TOC109"
	UnusedValue          = "TOC110"
	ActionsStillRun      = "TOC111"
	ShortInterval        = "TOC112"
	ShortTimeout         = "TOC113"
	UnknownWorkflow      = "TOC114"
	ShortHold            = "TOC115"
	NoResolve            = "TOC116"

	// Comments to this program.
	UnknownCode  = "TOC121"
	UnusedIgnore = "TOC122"
)

// A Severity says what a rule's problems are.
type Severity string

const (
	IsError   Severity = "error"
	IsWarning Severity = "warning"
	IsEither  Severity = "error or warning" // the problem says which
	IsNote    Severity = "note"             // a matter of taste, or a guess: only "tocsin lint" tells
)

// A Rule is one thing that can be wrong with a document, in general. Its problems have
// its code.
type Rule struct {
	Code     string // TOC012
	Name     string // unknown-key
	Severity Severity
	Title    string // what is wrong, without a full stop
}

// rules is the table of codes, in the order of their numbers.
var rules = []Rule{
	{NoWorkflow, "no-workflow", IsError, "A file without a workflow"},
	{EmptyWorkflow, "empty-workflow", IsWarning, "A workflow that does nothing"},
	{MissingKey, "missing-key", IsEither, "A key that has to be there is not"},
	{EmptyValue, "empty-value", IsEither, "A key without a value"},
	{WrongType, "wrong-type", IsError, "A value of another type than the key takes"},
	{BadValue, "bad-value", IsEither, "A value that the key does not take"},
	{UnknownType, "unknown-type", IsEither, "A type of trigger, condition or throttle that does not exist"},
	{MisplacedKey, "misplaced-key", IsEither, "A key in a mapping that does not have it"},
	{SameKey, "same-key", IsError, "One parameter under two of its names"},
	{DuplicateName, "duplicate-name", IsWarning, "Two things of one name"},
	{NoName, "no-name", IsWarning, "A step without a name"},
	{UnknownKey, "unknown-key", IsEither, "A key that does not exist"},
	{DottedName, "dotted-name", IsWarning, "A name with a dot, which no path can lead to"},
	{ShadowedName, "shadowed-name", IsWarning, "A name that hides another"},
	{NotAText, "not-a-text", IsWarning, "A name that YAML reads as something else"},
	{NotDisabled, "not-disabled", IsWarning, `A "disabled" that does not disable`},
	{NoEffect, "no-effect", IsWarning, "Something written that changes nothing"},
	{OldSpelling, "old-spelling", IsWarning, "An old spelling of something that has a newer one"},
	{RetryTwice, "retry-twice", IsError, "Two retries for one step"},
	{UnknownPath, "unknown-path", IsError, "A --set whose path leads nowhere"},
	{NeverRuns, "never-runs", IsWarning, "A trigger that never starts the workflow"},
	{BadSyntax, "syntax", IsError, "Text that is not YAML"},
	{Tab, "tab", IsError, "A tab where spaces have to be"},
	{BadIndent, "bad-indent", IsError, "A line in the wrong column"},
	{MissingColon, "missing-colon", IsError, `A line in a mapping that is not "key: value"`},
	{MissingSpace, "missing-space", IsError, "No space after the colon of a key"},
	{SecondColon, "second-colon", IsError, "A colon with a space after it, in a text without quotes"},
	{TextAfterValue, "text-after-value", IsError, "Something behind a value that is complete"},
	{TextAfterQuote, "text-after-quote", IsError, "Something behind a closing quote"},
	{OpenQuote, "open-quote", IsError, "A quote that is never closed"},
	{OpenBracket, "open-bracket", IsError, "A bracket that is never closed"},
	{UnquotedTemplate, "unquoted-template", IsError, `A text that begins with "{{" and has no quotes`},
	{BadStart, "bad-start", IsError, "A text that begins with a character of YAML's own"},
	{BadList, "bad-list", IsError, "A list that begins where it cannot"},
	{BadKey, "bad-key", IsError, "Something as a key that is no text"},
	{BadBlock, "bad-block", IsError, "A block text that begins wrongly"},
	{BadEscape, "bad-escape", IsError, "An escape that YAML does not have"},
	{MissingValue, "missing-value", IsError, "Nothing where a value has to be"},
	{BadDirective, "bad-directive", IsError, `A line that begins with "%"`},
	{BadTag, "bad-tag", IsError, `A text that begins with "!", or a tag that does not fit`},
	{UnknownTag, "unknown-tag", IsError, "A tag that only one program understands"},
	{UnknownAlias, "unknown-alias", IsError, `A "*name" without its "&name"`},
	{EndlessAlias, "endless-alias", IsError, "An alias within what it stands for"},
	{BadMerge, "bad-merge", IsError, `A "<<" that does not lead to a mapping`},
	{BadDate, "bad-date", IsWarning, "A date that no calendar has"},
	{DuplicateKey, "duplicate-key", IsWarning, "A key that a mapping has twice"},
	{TooLarge, "too-large", IsError, "More than a document may have"},
	{NotUTF8, "not-utf8", IsError, "Text in another encoding than UTF-8"},
	{ControlCharacter, "control-character", IsError, "A character that must not stand in a text file"},
	{SeveralDocuments, "several-documents", IsError, "A second document in a file of one"},
	{UnknownProvider, "unknown-provider", IsError, "A provider that does not exist"},
	{PlannedProvider, "planned-provider", IsWarning, "A provider of Keep's that this build does not have"},
	{UnsupportedOperation, "unsupported-operation", IsError, "A provider that cannot do what it is asked"},
	{BadConfig, "bad-config", IsError, `A "config" that names nothing`},
	{UndefinedConfig, "undefined-config", IsEither, "A configuration that nobody has defined"},
	{MissingConfig, "missing-config", IsEither, "A provider that needs a configuration and has none"},
	{NoMessage, "no-message", IsWarning, "An on-failure action that cannot say what failed"},
	{UnknownAction, "unknown-action", IsEither, "An action that does not exist"},
	{BadProviders, "bad-providers", IsError, "Provider configurations that are not what they should be"},
	{BadJSON, "bad-json", IsEither, "A variable that should be JSON and is not"},
	{UnsetVariable, "unset-variable", IsWarning, "An environment variable that is not set"},
	{PartialVariable, "partial-variable", IsWarning, "{{ env.NAME }} as a part of a field"},
	{NotAVariable, "not-a-variable", IsWarning, "Another template than {{ env.NAME }} in a configuration"},
	{PlainSecret, "plain-secret", IsWarning, "A secret written into the workflow"},
	{BadInput, "bad-input", IsError, "An input that is missing or of the wrong type"},
	{UnknownInput, "unknown-input", IsError, "An input that the workflow does not have"},
	{BadText, "bad-text", IsEither, "A template or condition that cannot be read"},
	{UnknownReference, "unknown-reference", IsWarning, "A path to something that is not there"},
	{UnknownRoot, "unknown-root", IsWarning, "A path that begins with a name nothing has"},
	{UnknownName, "unknown-name", IsWarning, "A lower-case true, or another bare name, in an assert"},
	{JinjaFilter, "jinja-filter", IsWarning, "A Jinja filter"},
	{JSOperator, "js-operator", IsWarning, "&&, || or ! in a condition"},
	{Partial, "partial", IsWarning, "{{> name }}, which renders nothing"},
	{SpacesInPath, "spaces-in-path", IsWarning, "A path with spaces in its names"},
	{BadForeach, "bad-foreach", IsError, "A foreach over nothing"},
	{ConstantCondition, "constant-condition", IsWarning, "A condition that comes out the same every time"},
	{ImpossibleComparison, "impossible-comparison", IsWarning, "A comparison that cannot come out otherwise"},
	{Unreachable, "unreachable", IsWarning, "Something that never runs"},
	{OverruledCondition, "overruled-condition", IsWarning, `Conditions that an "if" overrules`},
	{KeepDiffers, "keep-differs", IsWarning, "A text that Keep reads otherwise"},
	{NoEvent, "no-event", IsNote, "An alert or incident that no trigger brings"},
	{WrongWay, "wrong-way", IsNote, "A message that says the opposite of its condition"},
	{OtherStep, "other-step", IsNote, "A message about another step than its condition"},
	{UnusedStep, "unused-step", IsNote, "A step whose result nobody reads"},
	{UnusedValue, "unused-value", IsNote, "A value that nobody reads"},
	{ActionsStillRun, "actions-still-run", IsNote, `"continue: false" on a step, with actions after it`},
	{ShortInterval, "short-interval", IsNote, "An interval that is shorter than the run may take"},
	{ShortTimeout, "short-timeout", IsWarning, "A timeout longer than the one around it"},
	{UnknownWorkflow, "unknown-workflow", IsWarning, `A "depends_on" that leads nowhere, or round in a circle`},
	{ShortHold, "short-hold", IsNote, "A time of notify that is over before the next run"},
	{NoResolve, "no-resolve", IsNote, "An action that cannot say that its alert is over"},
	{UnknownCode, "unknown-code", IsWarning, "An ignore of a code that does not exist"},
	{UnusedIgnore, "unused-ignore", IsNote, "An ignore that ignores nothing"},
}

// Rules lists every rule, in the order of codes.
func Rules() []Rule { return slices.Clone(rules) }

// RuleOf is the rule of a code or a name, in whatever case.
func RuleOf(word string) (Rule, bool) {
	for i := range rules {
		if strings.EqualFold(rules[i].Code, word) || strings.EqualFold(rules[i].Name, word) {
			return rules[i], true
		}
	}
	return Rule{}, false
}

// CodeOf is the code of a rule by its name, for packages that have only names, such as
// templating; the name itself where there is no such rule.
func CodeOf(name string) string {
	if r, ok := RuleOf(name); ok {
		return r.Code
	}
	return name
}

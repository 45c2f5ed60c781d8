package templating_test

import (
	"context"
	"fmt"

	"tocsin/templating"
	"tocsin/templating/value"
)

func ExampleLanguage_Parse() {
	language := templating.Language{Functions: templating.Builtin()}
	text, err := language.Parse("Disk of {{ alert.host | upper }} at {{ alert.load }}%")
	if err != nil {
		fmt.Println(err)
		return
	}
	alert := value.MapOf(value.Entry{Key: "host", Value: "db1"}, value.Entry{Key: "load", Value: int64(95)})
	fmt.Println(text.Render(context.Background(), &templating.Scope{Data: map[string]any{"alert": alert}}))
	// Output: Disk of DB1 at 95% <nil>
}

func ExampleTemplate_Render_missing() {
	language := templating.Language{Functions: templating.Builtin()}
	text, err := language.Parse("Disk of {{ alert.host }}")
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = text.Render(context.Background(), &templating.Scope{Strict: true})
	fmt.Println(err)
	// Output: Could not find key 'alert.host' in the context. in "Disk of {{ alert.host }}"
}

func ExampleLanguage_ParseExpr() {
	language := templating.Language{Functions: templating.Builtin()}
	_, err := language.ParseExpr("{{ alert.load }} > 90 && {{ alert.host }} = 'db1'", templating.If)
	fmt.Println(err)
	// Output: unexpected "=" in "{{ alert.load }} > 90 && {{ alert.host }} = 'db1'"
}

func ExampleExpr_Explain() {
	language := templating.Language{Functions: templating.Builtin()}
	cond, err := language.ParseExpr("{{ alert.load }} > 90 or {{ alert.host }} == 'db1'", templating.If)
	if err != nil {
		fmt.Println(err)
		return
	}
	alert := value.MapOf(value.Entry{Key: "host", Value: "db2"}, value.Entry{Key: "load", Value: int64(71)})
	x := cond.Explain(context.Background(), &templating.Scope{Data: map[string]any{"alert": alert}})
	fmt.Println(x.Value)
	for _, part := range x.Parts {
		fmt.Printf("%s: %v, because %s is %v\n", part.Text, part.Value, part.Parts[0].Text, part.Parts[0].Value)
	}
	// Output:
	// false
	// {{ alert.load }} > 90: false, because alert.load is 71
	// {{ alert.host }} == 'db1': false, because alert.host is db2
}

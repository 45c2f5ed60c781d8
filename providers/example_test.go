package providers_test

import (
	"context"
	"fmt"
	"os"

	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// A whole provider: what it takes, what it returns, and a function.
func ExampleDefine() {
	type Config struct {
		Name string `param:"name" default:"world" doc:"Whom to greet if nobody is named."`
	}
	type Params struct {
		Name string `param:"name" doc:"Whom to greet."`
	}
	type Result struct {
		Text string `param:"text" doc:"The greeting."`
	}
	greeter := providers.Define(providers.Definition[Config]{
		Type:    "greeter",
		Title:   "Greeter",
		Summary: "Greet somebody.",
		Open:    providers.Open(func(_ context.Context, c Config, _ providers.Env) (Config, error) { return c, nil }),
		Query: providers.Call(func(c Config, _ context.Context, p Params) (Result, error) {
			if p.Name == "" {
				p.Name = c.Name
			}
			return Result{Text: "Hello, " + p.Name}, nil
		}),
	})

	client, err := greeter.Open(context.Background(), source.Value{}, providers.Env{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	result, err := client.Query(context.Background(), source.Of(value.MapOf(value.Entry{Key: "name", Value: "Ada"})))
	fmt.Println(string(value.AppendJSON(nil, result)), err)
	_, err = client.Notify(context.Background(), source.Value{})
	fmt.Println(err)
	// Output:
	// {"text":"Hello, Ada"} <nil>
	// greeter: notify: operation not supported
}

func ExamplePool_Mask() {
	pool := providers.NewPool(providers.NewRegistry(), providers.Env{Stdout: os.Stdout})
	defer pool.Close()
	pool.Configure("db", source.Of(value.MapOf(value.Entry{Key: "authentication", Value: value.MapOf(
		value.Entry{Key: "password", Value: "tr0ub4dor&3"},
	)})))
	fmt.Println(pool.Mask("https://db/?pw=tr0ub4dor%263: 401"))
	// Output: https://db/?pw=[redacted]: 401
}

func ExampleParseReference() {
	for _, text := range []string{"{{ providers.slack-prod }}", "slack-prod"} {
		name, err := providers.ParseReference(text)
		fmt.Printf("%q %v\n", name, err)
	}
	// Output:
	// "slack-prod" <nil>
	// "" "slack-prod" is not a reference to a configuration; write {{ providers.NAME }}
}

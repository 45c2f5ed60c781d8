package cmd

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tocsin/providers"
)

// flags are the command's own and, below them, those of the provider: every parameter is
// one, so that none can be missing.
func (w *wsCommand) flags(c *cobra.Command) {
	own := &cobra.Command{}
	f := own.Flags()
	f.VarP((*list)(&w.sends), "send", "x", "message to send first (repeatable); then nothing is read from standard input unless it is a terminal")
	f.VarP((*list)(&w.headers), "header", "H", "header of the request: 'Name: value' (repeatable)")
	f.StringVar(&w.config, "config", "", "name of a provider configuration to begin with; it may have the address too")
	f.StringVar(&w.providersFile, "providers", "", "file of provider configurations (default: providers.yaml in the working directory)")
	f.StringVarP(&w.wait, "wait", "w", "", "close when nothing came for that long behind the last line: 2s, 0, or -1 for never (default 2s, or 10s where something is waited for)")
	f.IntVarP(&w.count, "count", "n", 0, "close after that many messages have come, or with --listen end")
	f.StringVarP(&w.form, "output", "o", "", "frames (all of them, with time, kind and size), data (received messages, a line each), json (default: frames on a terminal, else data)")
	f.BoolVar(&w.json, "json", false, "the same as --output json")
	f.BoolVar(&w.timing, "timing", false, "show how long each phase took")
	f.StringVar(&w.save, "save", "", "write what was said as a workflow that expects the same answers")
	f.BoolVarP(&w.force, "force", "f", false, "overwrite that file")
	f.StringVar(&w.address, "listen", "", "be a server at [HOST:]PORT that echoes and shows what clients send; the host is 127.0.0.1 if left out")
	f.StringVar(&w.certificate, "cert", "", "with --listen: file with its certificate, for wss")
	f.StringVar(&w.key, "key", "", "with --listen: file with the certificate's key")
	f.BoolVar(&w.silent, "silent", false, "with --listen: answer nothing")
	f.StringVar(&w.close, "close", "", "with --listen: close with 'CODE [REASON]' behind the first message, with --silent at once")

	f.BoolP("help", "h", false, "help for ws")

	theirs := &cobra.Command{}
	completions := map[string][]string{}
	if w.provider != nil {
		for _, o := range w.provider.Converse.Options() {
			if f.Lookup(o.Name) != nil || theirs.Flags().Lookup(o.Name) != nil {
				continue
			}
			flag := theirs.Flags().VarPF(&optionFlag{w, o}, o.Name, "", usageOf(o))
			if o.Type == "boolean" {
				flag.NoOptDefVal = "true"
			}
			flag.Hidden = o.Alias
			completions[o.Name] = o.Enum
		}
	}
	c.Flags().SetNormalizeFunc(underscored)
	c.Flags().AddFlagSet(f)
	c.Flags().AddFlagSet(theirs.Flags())
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"frames", "data", "json"}, cobra.ShellCompDirectiveNoFileComp))
	for name, words := range completions {
		if len(words) > 0 {
			_ = c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
		}
	}
	c.SetUsageFunc(func(c *cobra.Command) error {
		out := c.OutOrStderr()
		fmt.Fprintf(out, "Usage:\n  %s [flags]\n\nExamples:\n%s\n\nFlags:\n%s", c.CommandPath()+" URL", c.Example, own.Flags().FlagUsages())
		if theirs.HasAvailableFlags() {
			fmt.Fprintf(out, "\nParameters of the %s provider:\n%s", w.provider.Type, theirs.Flags().FlagUsages())
		}
		return nil
	})
}

// underscored is a flag's name as the provider writes its own: --skip-it is --skip_it.
func underscored(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	return pflag.NormalizedName(strings.ReplaceAll(name, "-", "_"))
}

// An optionFlag is a parameter of the provider as a flag: it notes what was given.
type optionFlag struct {
	w      *wsCommand
	option providers.Option
}

func (o *optionFlag) Set(text string) error {
	o.w.options = append(o.w.options, given{o.option, text})
	return nil
}
func (o *optionFlag) String() string { return "" }
func (o *optionFlag) Type() string {
	switch o.option.Type {
	case "boolean":
		return "bool"
	case "list", "mapping":
		return "value"
	}
	return o.option.Type
}

// usageOf is what the help says of an option.
func usageOf(o providers.Option) string {
	doc := strings.ReplaceAll(o.Doc, "`", "'")
	if len(o.Enum) > 0 {
		doc += " One of " + strings.Join(o.Enum, ", ") + "."
	}
	if o.Repeat {
		doc += " (repeatable)"
	}
	return doc
}

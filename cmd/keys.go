package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tocsin/engine/server"
	"tocsin/engine/store"
	"tocsin/workflows"
)

// A keysCommand makes and ends keys of the API: in the file of the store or, while "serve"
// has it, by asking that.
type keysCommand struct {
	*setup
	role    string
	scopes  []string
	expires string
}

func newKeysCommand(s *setup) *cobra.Command {
	k := &keysCommand{setup: s}
	c := &cobra.Command{
		Use:   "keys",
		Short: "List the keys of the API, make one, or revoke one",
		Long: `Keys let programs and people use the API of "tocsin serve": as X-API-KEY, as Authorization: Bearer,
or as the password of Basic. The store has their hashes only: a key is shown once, when it is made.

While "serve" runs, it is asked: on this machine as it is, elsewhere with --server and the key of an
admin in TOCSIN_API_KEY.

` + rolesText(),
		Example: `  tocsin keys create ci --role operator --expires 90d
  tocsin keys
  tocsin keys revoke ci`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return k.list(c.Context()) },
	}
	s.storeFlag(c)
	s.serverFlag(c)
	s.outputFlag(c, "text", "json")
	c.AddCommand(newKeysListCommand(k), newKeysCreateCommand(k), newKeysRevokeCommand(k))
	return c
}

// rolesText is what a key of each role may do.
func rolesText() string {
	var b strings.Builder
	b.WriteString("Roles:")
	for _, r := range server.Roles() {
		fmt.Fprintf(&b, "\n  %-15s %s", r.Name, r.Doc)
	}
	return b.String()
}

func newKeysCreateCommand(k *keysCommand) *cobra.Command {
	c := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a key, and print it this once",
		Example: `  tocsin keys create ops --role admin
  tocsin keys create prometheus --role ingest --expires 365d`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return k.create(c.Context(), args[0]) },
	}
	f := c.Flags()
	k.storeFlag(c)
	k.serverFlag(c)
	f.StringVar(&k.role, "role", "", "what it may do: see tocsin keys --help")
	f.Var((*list)(&k.scopes), "scope", "narrow the role to this: read, metrics, ingest, run, operate, author, admin (repeatable)")
	f.StringVar(&k.expires, "expires", "", "after how long it stops to count: 12h, 90d; left out: never")
	k.outputFlag(c, "text", "json")
	return c
}

func newKeysListCommand(k *keysCommand) *cobra.Command {
	c := &cobra.Command{
		Use:     "list",
		Short:   "List them, as keys alone does",
		Example: "  tocsin keys list --output json",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return k.list(c.Context()) },
	}
	k.storeFlag(c)
	k.serverFlag(c)
	k.outputFlag(c, "text", "json")
	return c
}

func newKeysRevokeCommand(k *keysCommand) *cobra.Command {
	c := &cobra.Command{
		Use:     "revoke NAME|ID",
		Short:   "End a key",
		Example: "  tocsin keys revoke ci",
		Args:    cobra.ExactArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return k.revoke(c.Context(), args[0]) },
	}
	k.storeFlag(c)
	k.serverFlag(c)
	return c
}

func (k *keysCommand) create(ctx context.Context, name string) (err error) {
	if k.role == "" {
		return usage(`"tocsin keys --help" says what each may do`, "say which --role the key has")
	}
	wanted := server.NewKey{Name: name, Role: k.role, Scopes: k.scopes}
	if k.expires != "" {
		d, err := workflows.ParseInterval(k.expires)
		if err != nil || d <= 0 {
			return usage("write 12h, 90d or 52w", "--expires %s is no time", k.expires)
		}
		wanted.Expires = time.Now().Add(d).UTC()
	}
	var made struct{ ID, Name, Role, Key string }
	err = k.change(ctx, func(c *client) error {
		return c.ask(ctx, "POST", "/api/v1/keys", wanted, &made)
	}, func(st *store.Store) error {
		key, kept, err := server.CreateKey(ctx, st, wanted)
		if err != nil {
			return usage("", "%v", err)
		}
		made.ID, made.Name, made.Role, made.Key = kept.ID, kept.Name, kept.Role, key
		return audit(ctx, st, "keys create", kept.ID, name+": "+strings.Join(append([]string{k.role}, k.scopes...), " "))
	})
	if err != nil {
		return err
	}
	if k.output == "json" {
		return json.NewEncoder(k.stdout).Encode(map[string]string{"id": made.ID, "name": made.Name, "role": made.Role, "key": made.Key})
	}
	fmt.Fprintln(k.stderr, "This is the only time that the key is shown:")
	_, err = fmt.Fprintln(k.stdout, made.Key)
	return err
}

// keyState says whether a key lets somebody in.
func keyState(key store.APIKey, now time.Time) string {
	switch {
	case !key.Revoked.IsZero():
		return "revoked"
	case !key.Expires.IsZero() && !now.Before(key.Expires):
		return "expired"
	case !key.Expires.IsZero():
		return "until " + key.Expires.Format(time.DateOnly)
	}
	return "valid"
}

// all are the keys that the server has, or the store.
func (k *keysCommand) all(ctx context.Context) (all []store.APIKey, err error) {
	c, err := k.remote()
	if err != nil {
		return nil, err
	}
	if c != nil {
		defer c.close()
		err := c.ask(ctx, "GET", "/api/v1/keys", nil, &all)
		return all, err
	}
	err = k.withStore(ctx, func(st *store.Store) error {
		all, err = st.APIKeys(ctx)
		return err
	})
	return all, err
}

func (k *keysCommand) list(ctx context.Context) error {
	all, err := k.all(ctx)
	if err != nil {
		return err
	}
	if k.output == "json" {
		return k.listJSON(all)
	}
	w := tabwriter.NewWriter(k.stdout, 0, 0, 2, ' ', 0)
	for _, key := range all {
		used := "never used"
		if !key.Used.IsZero() {
			used = "used " + key.Used.Format(time.DateTime)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", key.Name, key.ID, strings.Join(append([]string{key.Role}, key.Scopes...), " "), keyState(key, time.Now()), used)
	}
	return w.Flush()
}

func (k *keysCommand) listJSON(all []store.APIKey) error {
	list := []map[string]any{}
	for _, key := range all {
		one := map[string]any{"id": key.ID, "name": key.Name, "role": key.Role, "scopes": key.Scopes, "created": key.Created, "state": keyState(key, time.Now())}
		for name, at := range map[string]time.Time{"expires": key.Expires, "used": key.Used, "revoked": key.Revoked} {
			if !at.IsZero() {
				one[name] = at
			}
		}
		list = append(list, one)
	}
	return json.NewEncoder(k.stdout).Encode(list)
}

func (k *keysCommand) revoke(ctx context.Context, name string) error {
	all, err := k.all(ctx)
	if err != nil {
		return err
	}
	for _, key := range all {
		if (key.Name == name || key.ID == name) && key.Revoked.IsZero() {
			return k.change(ctx, func(c *client) error {
				return c.ask(ctx, "DELETE", "/api/v1/keys/"+key.ID, nil, nil)
			}, func(st *store.Store) error {
				if err := st.RevokeAPIKey(ctx, key.ID); err != nil {
					return err
				}
				return audit(ctx, st, "keys revoke", key.ID, key.Name)
			})
		}
	}
	return usage(`"tocsin keys" lists them`, "no key %q that is not revoked already", name)
}

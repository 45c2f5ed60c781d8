package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"time"

	"tocsin/engine/store"
)

// keyPrefix begins every key, so that one is known for what it is where it should not be.
const keyPrefix = "tocsin_"

// A NewKey is what a key is to be.
type NewKey struct {
	Name    string    `json:"name" doc:"For people; no other key has it."`
	Role    string    `json:"role" doc:"viewer, operator, author, admin, ingest, metrics, or one of Keep's: noc, webhook, workflowrunner."`
	Scopes  []string  `json:"scopes,omitempty" doc:"Narrows the role to some of read, metrics, ingest, run, operate, author, admin; none: all it has."`
	Expires time.Time `json:"expires,omitzero" doc:"When it stops to count; left out: never."`
}

// CreateKey makes a key, and returns it: 256 random bits, of which the store gets the
// hash only. Nobody can read it again. The error is about what was asked for, or the
// store's.
func CreateKey(ctx context.Context, st *store.Store, k NewKey) (key string, kept store.APIKey, err error) {
	if err := k.check(ctx, st); err != nil {
		return "", kept, err
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	id := make([]byte, 6)
	rand.Read(id)
	kept = store.APIKey{ID: hex.EncodeToString(id), Name: k.Name, Role: k.Role, Scopes: k.Scopes, Created: st.Now().UTC(), Expires: k.Expires}
	if kept.Scopes == nil {
		kept.Scopes = []string{}
	}
	key = keyPrefix + kept.ID + "_" + base64.RawURLEncoding.EncodeToString(secret)
	kept.Hash = hashKey(key)
	return key, kept, st.PutAPIKey(ctx, kept)
}

func (k NewKey) check(ctx context.Context, st *store.Store) error {
	switch {
	case strings.TrimSpace(k.Name) == "" || len(k.Name) > 100:
		return refuse(400, "a key needs a name of at most 100 bytes")
	case !k.Expires.IsZero() && !k.Expires.After(st.Now()):
		return refuse(400, "the key would be over already: it expires %s", k.Expires.Format(time.RFC3339))
	}
	if err := checkGrant(k.Role, k.Scopes); err != nil {
		return refuse(400, "%v", err)
	}
	all, err := st.APIKeys(ctx)
	if err != nil {
		return err
	}
	for _, other := range all {
		if other.Name == k.Name {
			return refuse(409, "there is a key %q already", k.Name)
		}
	}
	return nil
}

// hashKey is what is kept of a key. It needs no salt and no slowness: a key is 256
// random bits, which nobody tries out.
func hashKey(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return sum[:]
}

// usable says that a key lets somebody in now.
func usable(k store.APIKey, now time.Time) bool {
	return k.Revoked.IsZero() && (k.Expires.IsZero() || now.Before(k.Expires))
}

// usableKeys counts the keys that let somebody in now.
func (s *Server) usableKeys(ctx context.Context) (n int, err error) {
	all, err := s.Store.APIKeys(ctx)
	for _, k := range all {
		if usable(k, s.Now()) {
			n++
		}
	}
	return n, err
}

// A keyView is a key as lists show it.
type keyView struct {
	ID      string     `json:"id"`
	Name    string     `json:"name"`
	Role    string     `json:"role"`
	Scopes  []string   `json:"scopes"`
	Created time.Time  `json:"created"`
	Expires *time.Time `json:"expires,omitempty"`
	Used    *time.Time `json:"used,omitempty" doc:"About when it was used last."`
	Revoked *time.Time `json:"revoked,omitempty"`
}

func viewKey(k store.APIKey) keyView {
	return keyView{k.ID, k.Name, k.Role, k.Scopes, k.Created, whenever(k.Expires), whenever(k.Used), whenever(k.Revoked)}
}

// whenever is t where there is a time.
func whenever(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

type createdKey struct {
	Key string `json:"key" doc:"The key itself, this once."`
	keyView
}

func keyRoutes() []route {
	return []route{
		get("/api/v1/keys", administrating, "All keys, without what they are.", func(c *call) ([]keyView, error) {
			all, err := c.s.Store.APIKeys(c.Context())
			list := make([]keyView, 0, len(all))
			for _, k := range all {
				list = append(list, viewKey(k))
			}
			return list, err
		}),
		send("POST", "/api/v1/keys", administrating, "Make a key.", func(c *call, k NewKey) (createdKey, error) {
			c.about("", "%s: %s", short(k.Name), strings.Join(append([]string{k.Role}, k.Scopes...), " "))
			key, kept, err := CreateKey(c.kept(), c.s.Store, k)
			c.s.guard.changed()
			return createdKey{key, viewKey(kept)}, err
		}).answers(201),
		get("/api/v1/keys/{id}", administrating, "Revoke a key.", func(c *call) (done, error) {
			err := c.s.Store.RevokeAPIKey(c.kept(), c.PathValue("id"))
			c.s.guard.changed()
			return done{Status: "revoked"}, err
		}).by("DELETE"),
	}
}

// done says that something was done.
type done struct {
	Status string `json:"status"`
}

// hashText names a text in 24 hexadecimal digits.
func hashText(s string) string { return hex.EncodeToString(hashKey(s)[:12]) }

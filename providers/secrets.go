package providers

import (
	"net/url"
	"slices"
	"strings"

	"tocsin/templating/value"
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// noteSecrets tells whoever masks of the parameters that are secret.
func (c *Client) noteSecrets(o *Operation, with source.Value) {
	if c.note != nil && o != nil {
		c.note(o.Secrets(with)...)
	}
}

// Secrets are the texts in with that stand in fields marked as secret.
func (o *Operation) Secrets(with source.Value) []string {
	var all []string
	for _, e := range with.Entries() {
		if f, ok := o.Params.Field(e.Key); ok {
			all = append(all, declaredSecrets(f, e.Value)...)
		}
	}
	return all
}

// declaredSecrets are the texts in v that f says are secret.
func declaredSecrets(f schema.Field, v source.Value) []string {
	switch {
	case f.Secret:
		return texts(v, true)
	case f.Type == schema.Mapping && len(f.Fields) == 0:
		return namedSecrets(v)
	case len(f.Fields) == 0:
		return nil
	}
	var all []string
	switch data := v.Data.(type) {
	case []source.Value:
		for _, item := range data {
			all = append(all, declaredSecrets(f, item)...)
		}
	case source.Map:
		for _, e := range data {
			if inner, ok := field(f.Fields, e.Key); ok {
				all = append(all, declaredSecrets(inner, e.Value)...)
			}
		}
	}
	return all
}

// namedSecrets are the texts of a mapping whose keys are the author's, such as headers,
// as far as a key says that they are secret: all of Authorization, and what stands
// behind the scheme in it. Where a value is {file: ...} or {env: ...}, that is a name.
func namedSecrets(v source.Value) []string {
	var all []string
	if text, ok := v.Data.(string); ok {
		if inner, err := value.DecodeJSON([]byte(text)); err == nil {
			v = source.Of(inner)
		}
	}
	for _, e := range v.Entries() {
		_, nested := e.Value.Data.(source.Map)
		switch {
		case nested:
			all = append(all, formSecrets(e.Key, e.Value)...)
		case CallsSecret(e.Key):
			for _, text := range texts(e.Value, true) {
				_, credentials, _ := strings.Cut(text, " ")
				all = append(all, text, strings.TrimSpace(credentials))
			}
		}
	}
	return all
}

// formSecrets are those of a value that says where it is: {value: x} or {secret: x}.
func formSecrets(key string, v source.Value) []string {
	var all []string
	for _, e := range v.Entries() {
		if e.Key == "secret" || e.Key == "value" && CallsSecret(key) {
			all = append(all, texts(e.Value, true)...)
		}
	}
	return all
}

// secretNames are parts of names whose values are not shown.
var secretNames = []string{"token", "key", "secret", "sig", "password", "passwd", "pwd", "auth", "cookie", "session"}

// CallsSecret says that what a header, a query parameter or a field of that name has
// for value should not be shown.
func CallsSecret(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(secretNames, func(part string) bool { return strings.Contains(name, part) })
}

// ShownAddress is a text as it may be shown: if it is an address, "***" stands for its
// password and for the values of parameters whose names call them secret. password is
// what is hidden so, as the server gets it; "": there is none.
func ShownAddress(text string) (shown, password string) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || strings.ContainsAny(scheme, " /?#") {
		return text, ""
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	authority, rest := rest[:end], rest[end:]
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		if user, written, ok := strings.Cut(authority[:at], ":"); ok && written != "" {
			password, authority = written, user+":***"+authority[at:]
			if plain, err := url.PathUnescape(written); err == nil {
				password = plain
			}
		}
	}
	return scheme + "://" + authority + shownQuery(rest), password
}

// shownQuery hides values in what stands behind the host of an address.
func shownQuery(text string) string {
	path, query, ok := strings.Cut(text, "?")
	if !ok {
		return text
	}
	fragment := ""
	if at := strings.IndexByte(query, '#'); at >= 0 {
		query, fragment = query[:at], query[at:]
	}
	parts := strings.Split(query, "&")
	for i, part := range parts {
		name, v, _ := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(name); err == nil && v != "" && CallsSecret(plain) {
			parts[i] = name + "=***"
		}
	}
	return path + "?" + strings.Join(parts, "&") + fragment
}

// texts are the strings in v, and where numbers is set the other scalars too, since a
// PIN may be written without quotes.
func texts(v source.Value, numbers bool) []string {
	switch data := v.Data.(type) {
	case nil, bool:
		return nil
	case string:
		return []string{data}
	case schema.Secret:
		return []string{string(data)}
	case []source.Value:
		var all []string
		for _, item := range data {
			all = append(all, texts(item, numbers)...)
		}
		return all
	case source.Map:
		var all []string
		for _, e := range data {
			all = append(all, texts(e.Value, numbers)...)
		}
		return all
	case *value.Map, []any, value.Tuple, map[string]any:
		return texts(source.Of(value.Of(data)), numbers)
	}
	if numbers {
		return []string{value.Text(v.Data)}
	}
	return nil
}

func field(fields []schema.Field, name string) (schema.Field, bool) {
	for _, f := range fields {
		if f.Name == name || slices.Contains(f.Aliases, name) {
			return f, true
		}
	}
	return schema.Field{}, false
}

// configSecrets are the texts under authentication that count as secret: those of
// fields that are marked so, and every string of what s does not describe. A nil s
// describes nothing.
func configSecrets(s *schema.Schema, authentication source.Value) []string {
	m := authentication.Entries()
	if m == nil || s == nil {
		return texts(authentication, false)
	}
	var all []string
	for _, e := range m {
		switch f, ok := s.Field(e.Key); {
		case !ok:
			all = append(all, texts(e.Value, false)...)
		case f.Type == schema.Any || f.Type == schema.Mapping && len(f.Fields) == 0:
			all = append(all, within(e.Value)...)
		default:
			all = append(all, declaredSecrets(f, e.Value)...)
		}
	}
	return all
}

// within are the strings of a field whose inside is not described, such as headers;
// also of one that is the JSON text of it.
func within(v source.Value) []string {
	all := texts(v, false)
	text, ok := v.Data.(string)
	if !ok {
		return all
	}
	if inner, err := value.DecodeJSON([]byte(text)); err == nil {
		all = append(all, texts(source.Of(inner), false)...)
	}
	return all
}

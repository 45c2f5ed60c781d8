package websocket

import (
	"reflect"
	"strings"
)

// alike are parameters that are about one thing: a step that gives one of them does not
// take another from its configuration, with which it would be in conflict.
var alike = [][]string{
	{"bearer_token", "bearer_token_file"},
	{"basic_auth.username", "basic_auth.username_file"},
	{"basic_auth.password", "basic_auth.password_file"},
	{"jwt.private_key", "jwt.private_key_file", "jwt.secret"},
	{"oauth.private_key", "oauth.private_key_file"},
	{"tls.root_cas", "tls.root_cas_file", "tls_ca"},
	{"tls.skip_cert_verify", "insecure_skip_verify"},
	{"tls.client_certs", "tls_cert"},
	{"tls.client_certs", "tls_key"},
	{"tls.server_name", "tls_server_name"},
	{"tls.min_version", "tls_min_version"},
	{"tls.cipher_suites", "tls_cipher_suites"},
	{"tls.renegotiation", "tls.enable_renegotiation", "tls_renegotiation_method"},
	{"proxy_tls.root_cas", "proxy_tls.root_cas_file"},
	{"proxy_tls.renegotiation", "proxy_tls.enable_renegotiation"},
	{"proxy_url", "http_proxy_url", "socks5_enabled"},
}

// shadowed is defaults without what p has in another form.
func shadowed(p, defaults Connection) Connection {
	if reflect.ValueOf(defaults).IsZero() {
		return defaults
	}
	mine, theirs := reflect.ValueOf(&p).Elem(), reflect.ValueOf(&defaults).Elem()
	if theirs.IsZero() {
		return defaults // as for most: looking for the fields takes longer than the call
	}
	for _, names := range alike {
		if !anyGiven(mine, names) {
			continue
		}
		for _, name := range names {
			if field := fieldOf(theirs, name, true); field.IsValid() {
				field.SetZero()
			}
		}
	}
	return defaults
}

func anyGiven(params reflect.Value, names []string) bool {
	for _, name := range names {
		if field := fieldOf(params, name, false); field.IsValid() && !field.IsZero() {
			return true
		}
	}
	return false
}

// fieldOf is the field of that name, which may be in a block; invalid if the block is
// not there. To be changed, the block is copied before: others may share it.
func fieldOf(params reflect.Value, name string, change bool) reflect.Value {
	name, rest, nested := strings.Cut(name, ".")
	for i := range params.NumField() {
		sf := params.Type().Field(i)
		if sf.Anonymous && sf.Type.Kind() == reflect.Struct {
			if field := fieldOf(params.Field(i), joined(name, rest), change); field.IsValid() {
				return field
			}
			continue
		}
		tag, _, _ := strings.Cut(sf.Tag.Get("param"), ",")
		field := params.Field(i)
		switch {
		case tag != name:
			continue
		case !nested:
			return field
		case field.IsNil():
			return reflect.Value{}
		}
		if change {
			block := reflect.New(field.Type().Elem())
			block.Elem().Set(field.Elem())
			field.Set(block)
		}
		return fieldOf(field.Elem(), rest, change)
	}
	return reflect.Value{}
}

func joined(name, rest string) string {
	if rest == "" {
		return name
	}
	return name + "." + rest
}

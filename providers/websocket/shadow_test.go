package websocket

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// A step's parameters come before those of its configuration, within blocks too, and
// whatever form either is in.
func TestConfigurationOfConnections(t *testing.T) {
	for _, tt := range []struct {
		name, config, step string
		check              func(*settings) any
		want               string
	}{
		{"within a block", "tls: {enabled: true, server_name: conf, min_version: TLS13}", "tls: {server_name: step}", func(s *settings) any {
			return fmt.Sprint(or(s.tls, tlsSettings{}).serverName, or(s.tls, tlsSettings{}).min == versions["TLS13"])
		}, "steptrue"},
		{"a block switched off", "tls: {enabled: true, server_name: conf}", "tls: {enabled: false}", func(s *settings) any { return or(s.tls, tlsSettings{}).serverName }, ""},
		{"false after true", "tls: {enabled: true, skip_cert_verify: true}", "tls: {skip_cert_verify: false}", func(s *settings) any { return or(s.tls, tlsSettings{}).skipVerify }, "false"},
		{"Telegraf's key after the block", "tls: {enabled: true, server_name: conf}", "tls_server_name: step", func(s *settings) any { return or(s.tls, tlsSettings{}).serverName }, "step"},
		{"the block after Telegraf's key", "tls_ca: conf", "tls: {enabled: true, root_cas: step}", func(s *settings) any {
			return or(s.tls, tlsSettings{}).roots.text + or(s.tls, tlsSettings{}).roots.file
		}, "step"},
		{"certificates", "tls_cert: a\ntls_key: b", "tls: {enabled: true, client_certs: [{cert_file: c, key_file: d}]}", func(s *settings) any { return len(or(s.tls, tlsSettings{}).certificates) }, "1"},
		{"verification", "insecure_skip_verify: true", "tls: {enabled: true, skip_cert_verify: false}", func(s *settings) any { return or(s.tls, tlsSettings{}).skipVerify }, "false"},
		{"a proxy", "http_proxy_url: http://conf", "proxy_url: socks5://step", func(s *settings) any { return s.network.proxy.shown }, "socks5://step"},
		{"SOCKS5 after a proxy", "proxy_url: http://conf", "socks5_enabled: true\nsocks5_address: step:1080", func(s *settings) any { return s.network.proxy.shown }, "socks5://step:1080"},
		{"no proxy", "proxy_url: http://conf", "proxy_url: direct", func(s *settings) any { return s.network.proxy == nil && !s.environment }, "true"},
		{"a password file after a password", "basic_auth: {enabled: true, username: conf, password: x}", "basic_auth: {password_file: step}", func(s *settings) any {
			u := s.who.(user)
			return u.name.text + u.password.text + u.password.file
		}, "confstep"},
		{"a token after its file", "bearer_token_file: conf", "bearer_token: step", func(s *settings) any { return s.who.(bearer).token.text }, "step"},
		{"headers are one", "headers: {A: conf}", "headers: {B: step}", func(s *settings) any { return s.header.Get("A") + s.header.Get("B") }, "step"},
	} {
		config, step := with(t, "url: wss://h\n"+tt.config), with(t, tt.step)
		before := fmt.Sprintf("%+v", dump(config))
		for range 2 { // the second time it must not have changed
			s, err := step.over(Config{Connection: config.Connection}).settings()
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
				break
			}
			want(t, tt.name, tt.check(s), tt.want)
		}
		want(t, tt.name+": the configuration", fmt.Sprintf("%+v", dump(config)), before)
	}
}

// dump is what params have, blocks included.
func dump(p Params) []any {
	all := []any{p.Connection.URL, p.TLSParams, p.Network, p.Credentials}
	for _, block := range []any{p.TLS, p.BasicAuth, p.ProxyTLS} {
		if v := reflect.ValueOf(block); !v.IsNil() {
			all = append(all, v.Elem().Interface())
		}
	}
	return all
}

// Every name among those that are alike is one of a parameter.
func TestAlikeAreParameters(t *testing.T) {
	p := with(t, "tls: {}\nproxy_tls: {}\nbasic_auth: {}\njwt: {}\noauth: {}")
	for _, names := range alike {
		for _, name := range names {
			if !fieldOf(reflect.ValueOf(&p.Connection).Elem(), name, false).IsValid() {
				t.Errorf("there is no parameter %s", name)
			}
		}
		if len(names) < 2 || strings.Join(names, "") == "" {
			t.Errorf("%v", names)
		}
	}
}

// The blocks of the seeds, with all of their defaults as their documentation shows them,
// ask for nothing, and nothing is warned of.
func TestSeedDefaultsAskForNothing(t *testing.T) {
	for name, yaml := range map[string]string{
		"Benthos": `
url: ws://localhost:4195/get/ws
proxy_url: ""
tls:
  enabled: false
  skip_cert_verify: false
  enable_renegotiation: false
  root_cas: ""
  root_cas_file: ""
  client_certs: []
oauth:
  enabled: false
  consumer_key: ""
  consumer_secret: ""
  access_token: ""
  access_token_secret: ""
  request_url: ""
basic_auth:
  enabled: false
  username: ""
  password: ""
jwt:
  enabled: false
  private_key_file: ""
  signing_method: ""
  claims: {}
  headers: {}
`,
		"Telegraf": `
url: ws://localhost:8080
timeout: 5s
http_proxy_url: ""
tls_ca: ""
tls_cert: ""
tls_key: ""
insecure_skip_verify: false
handshake_bodies: []
handshake_pause: 100ms
`,
		"Telegraf's output": `
url: ws://localhost:8080
connect_timeout: 30s
write_timeout: 30s
use_text_frames: false
socks5_enabled: false
socks5_address: 127.0.0.1:1080
socks5_username: alice
socks5_password: pass123
use_system_proxy: false
headers: {}
`,
	} {
		s, err := with(t, yaml).settings()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(s.warnings) > 0 || s.who != nil || s.token != nil || s.network.proxy != nil || or(s.tls, tlsSettings{}).skipVerify || len(or(s.tls, tlsSettings{}).certificates) > 0 {
			t.Errorf("%s: warnings %q, %+v", name, s.warnings, s)
		}
	}
}

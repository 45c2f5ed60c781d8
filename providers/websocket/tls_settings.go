package websocket

import (
	"crypto"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"tocsin/providers"
)

// TLSParams are the settings for wss:// in both forms: Benthos' block and Telegraf's
// keys, which count without being switched on (spec/websocket.md §2.7).
type TLSParams struct {
	TLS                *TLS             `param:"tls" doc:"Settings for wss://. They count if enabled is true."`
	InsecureSkipVerify *bool            `param:"insecure_skip_verify" doc:"Accept any certificate; what is wrong with it is still in the result."`
	TLSServerName      *string          `param:"tls_server_name" doc:"Name to ask for and to verify instead of the address's host."`
	TLSCA              *string          `param:"tls_ca" host:"file" doc:"File of authorities (PEM) to trust instead of the system's."`
	TLSCert            *string          `param:"tls_cert" host:"file" doc:"File of a client certificate (PEM), with its chain."`
	TLSKey             *string          `param:"tls_key" host:"file" doc:"File of its key (PEM)."`
	TLSKeyPassword     providers.Secret `param:"tls_key_pwd" doc:"Password of the key, if it is encrypted."`
	TLSMinVersion      *string          `param:"tls_min_version" enum:"TLS10,TLS11,TLS12,TLS13" doc:"Oldest version to speak; TLS12 if absent."`
	TLSCipherSuites    []string         `param:"tls_cipher_suites" doc:"Suites to offer for TLS 1.2 and older, by Go's names, or secure, insecure or all."`
	TLSRenegotiation   *string          `param:"tls_renegotiation_method" enum:"never,once,freely" doc:"How often the server may negotiate anew; never if absent."`
	TLSEnable          *bool            `param:"tls_enable" doc:"Whether the keys that begin with tls_, and insecure_skip_verify, count; true if absent."`
}

// TLS is Benthos' block. Whether TLS is used says the address, not Enabled.
type TLS struct {
	Enabled             *bool            `param:"enabled" doc:"Whether the other settings of this block count."`
	SkipCertVerify      *bool            `param:"skip_cert_verify" doc:"Accept any certificate; what is wrong with it is still in the result."`
	EnableRenegotiation *bool            `param:"enable_renegotiation" doc:"Whether the server may negotiate anew as often as it likes, in TLS 1.2."`
	RootCAs             providers.Secret `param:"root_cas" doc:"Authorities (PEM) to trust instead of the system's."`
	RootCAsFile         string           `param:"root_cas_file" host:"file" doc:"File of such authorities, read for each connection."`
	AddSystemRoots      *bool            `param:"add_system_roots" doc:"Trust the system's authorities as well."`
	ClientCerts         []ClientCert     `param:"client_certs" doc:"Certificates to show to a server that asks for one; the first that fits is shown."`
	ServerName          string           `param:"server_name" doc:"Name to ask for and to verify instead of the address's host."`
	MinVersion          *string          `param:"min_version" enum:"TLS10,TLS11,TLS12,TLS13" doc:"Oldest version to speak; TLS12 if absent."`
	MaxVersion          *string          `param:"max_version" enum:"TLS10,TLS11,TLS12,TLS13" doc:"Newest version to speak."`
	CipherSuites        []string         `param:"cipher_suites" doc:"Suites to offer for TLS 1.2 and older, by Go's names, or secure, insecure or all."`
	Renegotiation       *string          `param:"renegotiation" enum:"never,once,freely" doc:"How often the server may negotiate anew, in TLS 1.2; never if absent."`
	PinSHA256           []string         `param:"pin_sha256" doc:"Accept only a chain in which one of these keys is: SHA-256 of the SubjectPublicKeyInfo, in base64 or hex."`
}

// ClientCert is a certificate and its key, both in the text or both in files.
type ClientCert struct {
	Cert     string           `param:"cert" doc:"Certificate (PEM), with its chain."`
	Key      providers.Secret `param:"key" doc:"Its key (PEM)."`
	CertFile string           `param:"cert_file" host:"file" doc:"File of the certificate, read for each connection."`
	KeyFile  string           `param:"key_file" host:"file" doc:"File of the key, read for each connection."`
	Password providers.Secret `param:"password" doc:"Password of the key, if it is encrypted."`

	flat bool // it was given in Telegraf's keys
}

// tlsSettings are checked settings for TLS, to a server or a proxy.
type tlsSettings struct {
	skipVerify    bool
	serverName    string
	roots         material
	addSystem     bool
	certificates  []clientCert
	min, max      uint16 // 0: TLS 1.2 and 1.3
	suites        []uint16
	renegotiation tls.RenegotiationSupport
	pins          [][sha256.Size]byte
}

type clientCert struct {
	cert, key material
	password  string
}

// setTLS brings Benthos' block and Telegraf's keys together.
func (p TLSParams) setTLS(s *settings) error {
	if !p.given() {
		return nil
	}
	flat := p
	if !or(p.TLSEnable, true) {
		flat = TLSParams{}
	}
	counts := p.TLS != nil && or(p.TLS.Enabled, false)
	block := TLS{}
	if counts {
		block = *p.TLS
	}
	merged, err := flat.into(block)
	if err != nil {
		return err
	}
	set, err := merged.settings("tls.", s)
	if err != nil {
		return err
	}
	if merged.says() {
		s.tls = &set
	}
	if !counts && p.TLS != nil && p.TLS.says() {
		s.warn("the settings under tls do not count, since tls.enabled is not true")
	}
	if !s.target.secure && merged.says() {
		s.warn("the settings for TLS have no effect: the address begins with ws://, not wss://")
	}
	return nil
}

// given says that there is anything to bring together, which mostly there is not.
func (p TLSParams) given() bool {
	return p.TLS != nil || p.InsecureSkipVerify != nil || p.TLSServerName != nil ||
		p.TLSCA != nil || p.TLSCert != nil || p.TLSKey != nil ||
		p.TLSMinVersion != nil || len(p.TLSCipherSuites) > 0 || p.TLSRenegotiation != nil
}

// says that the block asks for something: its defaults, which are pasted with it, do not.
func (b TLS) says() bool {
	b.Enabled = nil
	for _, is := range []**bool{&b.SkipCertVerify, &b.EnableRenegotiation, &b.AddSystemRoots} {
		if !or(*is, false) {
			*is = nil
		}
	}
	if len(b.ClientCerts) == 0 {
		b.ClientCerts = nil
	}
	if or(b.Renegotiation, "never") == "never" {
		b.Renegotiation = nil
	}
	b.CipherSuites, b.PinSHA256 = none(b.CipherSuites), none(b.PinSHA256)
	return !reflect.ValueOf(b).IsZero()
}

// none is nil for an empty list.
func none(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return list
}

// into is the block with the flat keys in it. A setting that both have must be the same.
func (p TLSParams) into(b TLS) (TLS, error) {
	for _, same := range []struct {
		name, alias string
		to, from    **string
	}{
		{"tls.min_version", "tls_min_version", &b.MinVersion, &p.TLSMinVersion},
		{"tls.renegotiation", "tls_renegotiation_method", &b.Renegotiation, &p.TLSRenegotiation},
	} {
		if *same.to != nil && *same.from != nil && **same.to != **same.from {
			return b, differ(same.name, same.alias)
		}
		if *same.from != nil {
			*same.to = *same.from
		}
	}
	if err := one("tls.server_name", &b.ServerName, "tls_server_name", or(p.TLSServerName, "")); err != nil {
		return b, err
	}
	if err := one("tls.root_cas_file", &b.RootCAsFile, "tls_ca", or(p.TLSCA, "")); err != nil {
		return b, err
	}
	switch flat := p.InsecureSkipVerify; {
	case flat != nil && b.SkipCertVerify != nil && *flat != *b.SkipCertVerify:
		return b, differ("tls.skip_cert_verify", "insecure_skip_verify")
	case flat != nil:
		b.SkipCertVerify = flat
	}
	if len(p.TLSCipherSuites) > 0 && len(b.CipherSuites) > 0 && !slices.Equal(p.TLSCipherSuites, b.CipherSuites) {
		return b, differ("tls.cipher_suites", "tls_cipher_suites")
	} else if len(p.TLSCipherSuites) > 0 {
		b.CipherSuites = p.TLSCipherSuites
	}
	cert, key := or(p.TLSCert, ""), or(p.TLSKey, "")
	switch {
	case cert == "" && key == "":
		return b, nil
	case key == "":
		return b, invalid("tls_cert is given without tls_key")
	case cert == "":
		return b, invalid("tls_key is given without tls_cert")
	}
	b.ClientCerts = append(slices.Clone(b.ClientCerts), ClientCert{CertFile: cert, KeyFile: key, Password: p.TLSKeyPassword, flat: true})
	return b, nil
}

func differ(name, alias string) error {
	return invalid("%s and %s differ; they are two names for the same", name, alias)
}

// settings checks a block whose name is prefix.
func (b TLS) settings(prefix string, s *settings) (c tlsSettings, err error) {
	c = tlsSettings{skipVerify: or(b.SkipCertVerify, false), serverName: b.ServerName, addSystem: or(b.AddSystemRoots, false)}
	if c.roots, err = materialOf(prefix+"root_cas", string(b.RootCAs), prefix+"root_cas_file", b.RootCAsFile); err != nil {
		return c, err
	}
	if c.roots.missing() {
		c.roots = material{}
	}
	for i, given := range b.ClientCerts {
		cert, err := given.settings(fmt.Sprintf("%sclient_certs[%d].", prefix, i))
		if err != nil {
			return c, err
		}
		s.hide(string(given.Key), cert.password)
		c.certificates = append(c.certificates, cert)
	}
	oldest, newest := or(b.MinVersion, "TLS12"), or(b.MaxVersion, "TLS13")
	if c.min, c.max = versions[oldest], versions[newest]; c.max < c.min {
		return c, invalid("%smax_version (%s) is older than %smin_version (%s)", prefix, newest, prefix, oldest)
	}
	if err := c.setRenegotiation(b, prefix); err != nil {
		return c, err
	}
	if c.suites, err = suites(b.CipherSuites, prefix, s); err != nil {
		return c, err
	}
	c.pins, err = pins(b.PinSHA256, prefix)
	return c, err
}

// settings checks one of the client's certificates.
func (g ClientCert) settings(name string) (c clientCert, err error) {
	if g.Cert != "" && g.CertFile != "" || g.Key != "" && g.KeyFile != "" {
		return c, invalid("%s: give cert and key, or cert_file and key_file, not both", strings.TrimSuffix(name, "."))
	}
	for _, half := range []struct{ has, other, name string }{
		{g.Cert, string(g.Key), "key"}, {string(g.Key), g.Cert, "cert"},
		{g.CertFile, g.KeyFile, "key_file"}, {g.KeyFile, g.CertFile, "cert_file"},
	} {
		if half.has != "" && half.other == "" {
			return c, invalid("missing %s%s", name, half.name)
		}
	}
	if g.Cert == "" && g.CertFile == "" {
		return c, invalid("missing %scert_file and %skey_file", name, name)
	}
	if g.flat {
		c.cert, c.key = material{fileName: "tls_cert", file: g.CertFile}, material{fileName: "tls_key", file: g.KeyFile}
	} else {
		c.cert = material{name + "cert", g.Cert, name + "cert_file", g.CertFile}
		c.key = material{name + "key", string(g.Key), name + "key_file", g.KeyFile}
	}
	c.password = string(g.Password)
	return c, nil
}

// versions are Telegraf's names.
var versions = map[string]uint16{
	"TLS10": tls.VersionTLS10, "TLS11": tls.VersionTLS11, "TLS12": tls.VersionTLS12, "TLS13": tls.VersionTLS13,
}

// setRenegotiation reads the method, of which Benthos' switch is one.
func (c *tlsSettings) setRenegotiation(b TLS, prefix string) error {
	method := or(b.Renegotiation, "")
	if or(b.EnableRenegotiation, false) {
		if method != "" && method != "freely" {
			return invalid("%senable_renegotiation and %srenegotiation: %s differ", prefix, prefix, method)
		}
		method = "freely"
	}
	c.renegotiation = map[string]tls.RenegotiationSupport{
		"once": tls.RenegotiateOnceAsClient, "freely": tls.RenegotiateFreelyAsClient,
	}[method]
	return nil
}

// suites reads names of cipher suites.
func suites(names []string, prefix string, s *settings) (ids []uint16, err error) {
	if len(names) == 0 {
		return nil, nil
	}
	secure, insecure := tls.CipherSuites(), tls.InsecureCipherSuites()
	every := slices.Concat(secure, insecure)
	for _, name := range names {
		switch strings.ToLower(name) {
		case "":
		case "secure":
			ids = append(ids, idsOf(secure)...)
		case "insecure":
			ids = append(ids, idsOf(insecure)...)
		case "all":
			ids = append(ids, idsOf(every)...)
		default:
			at := slices.IndexFunc(every, func(c *tls.CipherSuite) bool { return c.Name == name })
			if at < 0 {
				return nil, invalid("%scipher_suites: there is no suite %q; `secure`, `insecure`, `all` and Go's names such as %s are possible", prefix, name, secure[len(secure)-1].Name)
			}
			ids = append(ids, every[at].ID)
		}
	}
	for _, weak := range insecure {
		if slices.Contains(ids, weak.ID) {
			s.warn("%scipher_suites has suites that are not secure", prefix)
			break
		}
	}
	return ids, nil
}

func idsOf(suites []*tls.CipherSuite) (ids []uint16) {
	for _, c := range suites {
		ids = append(ids, c.ID)
	}
	return ids
}

// pins reads hashes, also as curl writes them: sha256//BASE64.
func pins(texts []string, prefix string) (all [][sha256.Size]byte, err error) {
	for _, text := range texts {
		if text == "" {
			continue
		}
		plain := strings.TrimPrefix(text, "sha256/")
		if len(plain) > base64.StdEncoding.EncodedLen(sha256.Size) { // base64 may begin with a slash of its own
			plain = strings.TrimPrefix(plain, "/")
		}
		sum, err := hex.DecodeString(strings.ReplaceAll(plain, ":", ""))
		if err != nil || len(sum) != sha256.Size {
			sum, err = base64.StdEncoding.DecodeString(plain)
		}
		if err != nil || len(sum) != sha256.Size {
			return nil, invalid("%spin_sha256: %q is no SHA-256 in base64 or hex", prefix, text)
		}
		all = append(all, [sha256.Size]byte(sum))
	}
	return all, nil
}

// pool is the authorities to trust; nil: the system's.
func (c *tlsSettings) pool() (*x509.CertPool, error) {
	if c.roots.missing() {
		return nil, nil
	}
	text, err := c.roots.read()
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if c.addSystem {
		if pool, err = x509.SystemCertPool(); err != nil {
			return nil, fault(TLSFailed, err, "the system's authorities cannot be read")
		}
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, invalid("%s: there is no certificate in it; PEM is wanted (-----BEGIN CERTIFICATE-----)", c.roots.title())
	}
	return pool, nil
}

// show reads the client's certificates.
func (t *transport) show(c *tlsSettings) (all []tls.Certificate, err error) {
	for _, given := range c.certificates {
		var key crypto.Signer
		if key, err = t.privateKey(given.key, given.password); err != nil {
			return nil, err
		}
		chain, err := given.cert.read()
		if err != nil {
			return nil, err
		}
		certificate, err := certificateOf(chain, key, given.cert.title())
		if err != nil {
			return nil, err
		}
		all = append(all, certificate)
	}
	return all, nil
}

package websocket

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"
)

// A session is one TLS handshake: how it is made, and what came of it.
type session struct {
	set          *tlsSettings
	name         string // to ask for and to verify
	roots        *x509.CertPool
	certificates []tls.Certificate
	now          time.Time

	asked bool // the server asked for a client certificate
	shown bool // and got one
	facts *TLSFacts
}

// session prepares the handshake with the target. Another origin than the one that the
// settings are for sees no certificate of ours, and has its own name.
func (t *transport) session() (*session, error) {
	set := or(t.set.tls, tlsSettings{})
	if t.strange {
		set.certificates, set.serverName = nil, ""
	}
	return t.prepare(&set, t.to.host)
}

// prepare reads what a handshake with host needs.
func (t *transport) prepare(set *tlsSettings, host string) (s *session, err error) {
	s = &session{set: set, name: cmp.Or(set.serverName, host), now: t.now()}
	if s.roots, err = set.pool(); err != nil {
		return nil, err
	}
	s.certificates, err = t.show(set)
	return s, err
}

// secure does the handshake over conn. What the server showed is in s.facts even if it
// was not good enough: to know when a certificate expires is worth most when it has.
func (s *session) secure(ctx context.Context, conn net.Conn) (*tls.Conn, error) {
	secured := tls.Client(conn, s.config())
	if err := secured.Handshake(); err != nil {
		return nil, s.fault(ctx, err)
	}
	return secured, nil
}

func (s *session) config() *tls.Config {
	return &tls.Config{
		ServerName:    s.name,
		NextProtos:    []string{"http/1.1"}, // websockets are not spoken over HTTP/2 here
		MinVersion:    cmp.Or(s.set.min, tls.VersionTLS12),
		MaxVersion:    s.set.max,
		CipherSuites:  s.set.suites,
		Renegotiation: s.set.renegotiation,
		// The library's own checks stop at the first problem and forget the
		// certificate. VerifyConnection does all of them.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			if problem := s.inspect(state); problem != nil {
				return problem
			}
			return nil
		},
		GetClientCertificate: s.choose,
	}
}

// choose is the first certificate that the server can do something with, else none.
func (s *session) choose(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	s.asked = true
	for i := range s.certificates {
		if request.SupportsCertificate(&s.certificates[i]) == nil {
			s.shown = true
			return &s.certificates[i], nil
		}
	}
	return new(tls.Certificate), nil
}

// inspect notes what the server showed and says what is wrong with it, nil if nothing
// is, or nothing that counts.
func (s *session) inspect(state tls.ConnectionState) *Error {
	chain := state.PeerCertificates
	facts := &TLSFacts{
		Version:    tls.VersionName(state.Version),
		Cipher:     tls.CipherSuiteName(state.CipherSuite),
		ServerName: s.name, // not state.ServerName, which is empty for an IP address
		ALPN:       state.NegotiatedProtocol,
	}
	s.facts = facts
	if len(chain) == 0 {
		return fault(TLSFailed, nil, "the server showed no certificate")
	}
	first := chain[0].NotAfter
	for _, c := range chain {
		facts.Chain = append(facts.Chain, certificateFacts(c))
		first = earlier(first, c.NotAfter)
	}
	days := first.Sub(s.now).Hours() / 24
	facts.NotAfter, facts.DaysLeft = new(stamp(first)), &days
	trusted, problem := verify(chain, s.name, s.roots, s.now)
	facts.Verified = problem == nil
	if problem != nil {
		facts.VerifyError = &problem.Problem
		if s.set.skipVerify {
			problem = nil
		}
	}
	if problem == nil && len(s.set.pins) > 0 && !pinned(s.set.pins, chain, trusted, s.now) {
		problem = fault(TLSPinMismatch, nil, "the server's key is none of those pinned").
			detailed("the server's own is %s", base64.StdEncoding.EncodeToString(spki(chain[0])))
	}
	return problem
}

// pinned says that one of the keys that the server's certificate is signed with, or its
// own, is pinned. What else it sent along proves nothing. trusted are the chains that
// lead to a root, none where that was not wanted: then a pinned key is root enough.
func pinned(pins [][sha256.Size]byte, chain []*x509.Certificate, trusted [][]*x509.Certificate, now time.Time) bool {
	has := func(c *x509.Certificate) bool { return slices.Contains(pins, [sha256.Size]byte(spki(c))) }
	if has(chain[0]) {
		return true
	}
	for _, certificates := range trusted {
		if slices.ContainsFunc(certificates, has) {
			return true
		}
	}
	if len(trusted) > 0 {
		return false
	}
	options := x509.VerifyOptions{
		Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(),
		CurrentTime: within(chain, now), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	for _, c := range chain[1:] {
		if has(c) {
			options.Roots.AddCert(c)
		} else {
			options.Intermediates.AddCert(c)
		}
	}
	_, err := chain[0].Verify(options)
	return err == nil
}

// spki is the hash of a certificate's key, as pins have it (RFC 7469 §2.4).
func spki(c *x509.Certificate) []byte {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return sum[:]
}

// verify says what is wrong with a chain of certificates, nil if nothing is: it ends
// at one of roots (nil: the system's), is within its time, is for servers, and is for
// name. Then trusted are the ways to a root. The error's code is that of the worst
// problem, its detail lists them all.
func verify(chain []*x509.Certificate, name string, roots *x509.CertPool, now time.Time) (trusted [][]*x509.Certificate, _ *Error) {
	leaf := chain[0]
	options := x509.VerifyOptions{
		DNSName:       name,
		Roots:         roots,
		Intermediates: x509.NewCertPool(),
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, c := range chain[1:] {
		options.Intermediates.AddCert(c)
	}
	trusted, err := leaf.Verify(options)
	if err == nil {
		return trusted, nil
	}
	problems := slices.Concat(
		outOfTime(chain, now),
		otherName(leaf, name),
		untrusted(chain, options),
	)
	if len(problems) == 0 {
		problems = []*Error{fault(TLSUnknownAuthority, err, "the server's certificate is not accepted: %v", err)}
	}
	slices.SortStableFunc(problems, func(a, b *Error) int {
		return slices.Index(severity, a.Code) - slices.Index(severity, b.Code)
	})
	worst := problems[0]
	worst.Err = err
	texts := make([]string, len(problems))
	for i, p := range problems {
		texts[i] = p.Problem
	}
	return nil, worst.detailed("%s", strings.Join(texts, "; "))
}

// severity is the order in which one of several problems gives the code.
var severity = []Code{TLSExpired, TLSNotYetValid, TLSHostnameMismatch, TLSUnknownAuthority}

// outOfTime lists the certificates of the chain that are not valid now. A root that
// was sent along is not looked at: trust in it does not come from what was sent.
func outOfTime(chain []*x509.Certificate, now time.Time) (problems []*Error) {
	for i, c := range chain {
		whose := "the server's certificate"
		if i > 0 {
			if string(c.RawIssuer) == string(c.RawSubject) {
				continue
			}
			whose = fmt.Sprintf("the intermediate certificate %q", c.Subject)
		}
		if now.After(c.NotAfter) {
			problems = append(problems, fault(TLSExpired, nil, "%s expired %s ago", whose, days(now.Sub(c.NotAfter))))
		}
		if now.Before(c.NotBefore) {
			problems = append(problems, fault(TLSNotYetValid, nil, "%s is not valid for another %s", whose, days(c.NotBefore.Sub(now))))
		}
	}
	return problems
}

func otherName(leaf *x509.Certificate, name string) []*Error {
	if leaf.VerifyHostname(name) == nil {
		return nil
	}
	for_ := slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		for_ = append(for_, ip.String())
	}
	whom := "nobody"
	if len(for_) > 0 {
		whom = strings.Join(for_[:min(len(for_), 5)], ", ")
	}
	return []*Error{fault(TLSHostnameMismatch, nil, "the server's certificate is for %s, not for %s", whom, name)}
}

// untrusted says whether the chain leads to a root. Its time is left out of that as
// far as possible, having been judged before.
func untrusted(chain []*x509.Certificate, options x509.VerifyOptions) []*Error {
	options.DNSName = ""
	if _, err := chain[0].Verify(options); err == nil {
		return nil
	}
	options.CurrentTime = within(chain, options.CurrentTime)
	_, err := chain[0].Verify(options)
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		who := fmt.Sprintf("signed by the unknown authority %q", chain[len(chain)-1].Issuer)
		if len(chain) == 1 && string(chain[0].RawIssuer) == string(chain[0].RawSubject) {
			who = "self-signed"
		}
		return []*Error{fault(TLSUnknownAuthority, nil, "the server's certificate is %s", who)}
	}
	return []*Error{fault(TLSUnknownAuthority, nil, "the server's certificate is not accepted: %s", strings.TrimPrefix(err.Error(), "x509: "))}
}

// within is a time at which every certificate of the chain was valid, as near to now
// as there is one.
func within(chain []*x509.Certificate, now time.Time) time.Time {
	for _, c := range chain {
		now = earlier(now, c.NotAfter)
	}
	for _, c := range chain {
		if now.Before(c.NotBefore) {
			now = c.NotBefore
		}
	}
	return now
}

// days rounds down to what one says in conversation.
func days(d time.Duration) string {
	switch n := int(d.Hours() / 24); {
	case n >= 2:
		return fmt.Sprintf("%d days", n)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return d.Truncate(time.Second).String()
}

// fault puts the error of a handshake in our words. Alerts of the other side can be
// told apart by their text only: they are an *net.OpError with the operation "remote
// error", which tls.AlertError does not match.
func (s *session) fault(ctx context.Context, err error) *Error {
	if ctx.Err() != nil {
		return cancelled(ctx, "tls")
	}
	if own, ok := errors.AsType[*Error](err); ok {
		return own
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return fault(TLSNotTLS, err, "the server does not speak TLS at this port")
	}
	text := strings.TrimPrefix(err.Error(), "remote error: ")
	text = strings.TrimPrefix(text, "tls: ")
	switch {
	case s.turnedAway(err) && s.shown:
		return fault(TLSClientCertRequired, err, "the server does not accept our client certificate").detailed("%s", text)
	case s.turnedAway(err) && len(s.certificates) > 0:
		return fault(TLSClientCertRequired, err, "the server asks for a client certificate, and none of ours is of its kind").detailed("%s", text)
	case s.turnedAway(err):
		return fault(TLSClientCertRequired, err, "the server asks for a client certificate").detailed("%s", text)
	case strings.Contains(text, "protocol version"):
		return fault(TLSVersion, err, "the server speaks no version of TLS that we accept").detailed("%s", text)
	case timedOut(err):
		return fault(TLSFailed, err, "the TLS handshake was not finished in time").detailed("timeout")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), wasReset(err):
		return fault(TLSFailed, err, "the server ended the connection during the TLS handshake").detailed("connection lost")
	}
	return fault(TLSFailed, err, "the TLS handshake failed: %s", text).detailed("%s", text)
}

// refusals are what servers say of a client certificate (RFC 8446 §6.2).
var refusals = []string{
	"certificate required", "handshake failure", "bad certificate", "unsupported certificate", "revoked certificate",
	"expired certificate", "unknown certificate", "access denied",
}

// turnedAway says that the server asked for a client certificate and then sent us away:
// at once in TLS 1.2, at our first read in TLS 1.3.
func (s *session) turnedAway(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "remote error" || !s.asked {
		return false
	}
	text := op.Err.Error()
	return slices.ContainsFunc(refusals, func(r string) bool { return strings.Contains(text, r) })
}

// certificateFacts is what one asks of a certificate.
func certificateFacts(c *x509.Certificate) CertificateFacts {
	sum := sha256.Sum256(c.Raw)
	facts := CertificateFacts{
		Subject:     c.Subject.String(),
		Issuer:      c.Issuer.String(),
		Serial:      c.SerialNumber.Text(16),
		NotBefore:   stamp(c.NotBefore),
		NotAfter:    stamp(c.NotAfter),
		DNSNames:    append([]string{}, c.DNSNames...),
		IPAddresses: []string{},
		SHA256:      hex.EncodeToString(sum[:]),
		Key:         c.PublicKeyAlgorithm.String(),
	}
	for _, ip := range c.IPAddresses {
		facts.IPAddresses = append(facts.IPAddresses, ip.String())
	}
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		facts.Key = fmt.Sprintf("RSA %d", key.N.BitLen())
	case *ecdsa.PublicKey:
		facts.Key = "ECDSA " + key.Curve.Params().Name
	case ed25519.PublicKey:
		facts.Key = "Ed25519"
	}
	return facts
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

package websocket

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"
)

// secure does the TLS handshake over conn. What the server showed is in t.tls even
// if it was not good enough: to know when a certificate expires is worth most when
// it has.
func (t *transport) secure(ctx context.Context, conn net.Conn) (*tls.Conn, error) {
	name := t.set.tls.serverName
	if name == "" {
		name = t.set.target.host
	}
	config := &tls.Config{
		ServerName: name,
		NextProtos: []string{"http/1.1"}, // websockets are not spoken over HTTP/2 here
		MinVersion: tls.VersionTLS12,
		// The library's own checks stop at the first problem and forget the
		// certificate. VerifyConnection does all of them.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			// Not state.ServerName, which is empty for an IP address.
			problem := t.inspect(state, name)
			if problem != nil && !t.set.tls.skipVerify {
				return problem
			}
			return nil
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			t.askedForCertificate = true
			return new(tls.Certificate), nil
		},
	}
	secured := tls.Client(conn, config)
	begun := time.Now()
	t.leash.until(earlier(t.deadline, t.started.Add(t.set.connectTimeout)))
	err := secured.Handshake()
	t.timings.TLS = since(begun)
	if err != nil {
		return nil, t.tlsFault(ctx, err)
	}
	return secured, nil
}

// inspect notes what the server showed and says what is wrong with it, nil if
// nothing is.
func (t *transport) inspect(state tls.ConnectionState, name string) *Error {
	chain := state.PeerCertificates
	facts := &TLSFacts{
		Version:    tls.VersionName(state.Version),
		Cipher:     tls.CipherSuiteName(state.CipherSuite),
		ServerName: name,
		ALPN:       state.NegotiatedProtocol,
	}
	t.tls = facts
	if len(chain) == 0 {
		return fault(TLSFailed, nil, "the server showed no certificate")
	}
	now := t.now()
	first := chain[0].NotAfter
	for _, c := range chain {
		facts.Chain = append(facts.Chain, certificateFacts(c))
		first = earlier(first, c.NotAfter)
	}
	days := first.Sub(now).Hours() / 24
	facts.NotAfter, facts.DaysLeft = new(stamp(first)), &days
	problem := verify(chain, name, t.roots, now)
	facts.Verified = problem == nil
	if problem != nil {
		facts.VerifyError = &problem.Problem
	}
	return problem
}

// verify says what is wrong with a chain of certificates, nil if nothing is: it ends
// at one of roots (nil: the system's), is within its time, is for servers, and is for
// name. The error's code is that of the worst problem, its detail lists them all.
func verify(chain []*x509.Certificate, name string, roots *x509.CertPool, now time.Time) *Error {
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
	_, err := leaf.Verify(options)
	if err == nil {
		return nil
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
	return worst.detailed("%s", strings.Join(texts, "; "))
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

// tlsFault puts the error of a handshake in our words. Alerts of the other side can
// be told apart by their text only: they are an *net.OpError with the operation
// "remote error", which tls.AlertError does not match.
func (t *transport) tlsFault(ctx context.Context, err error) *Error {
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
	case t.wantsCertificate(err):
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

// wantsCertificate says that the server asked for a client certificate and then
// turned us away: at once in TLS 1.2, at our first read in TLS 1.3.
func (t *transport) wantsCertificate(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "remote error" || !t.askedForCertificate {
		return false
	}
	text := op.Err.Error()
	return strings.Contains(text, "certificate required") || strings.Contains(text, "handshake failure") ||
		strings.Contains(text, "bad certificate")
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

// maxPEM is how large a file of certificates may be; the system's own bundle is a
// quarter of a megabyte.
const maxPEM = 1 << 20

// roots are the authorities that replace the system's; nil: the system's. The file
// is read for each connection, so that a renewed one counts without a restart.
func (s *tlsSettings) roots() (*x509.CertPool, error) {
	pem := []byte(s.rootCAs)
	if s.rootCAsFile != "" {
		var err error
		if pem, err = readRegular(s.rootCAsFile); err != nil {
			return nil, invalid("tls.root_cas_file: %v", err)
		}
	}
	if len(pem) == 0 {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, invalid("tls.root_cas: there is no certificate in it; PEM is wanted (-----BEGIN CERTIFICATE-----)")
	}
	return pool, nil
}

// readRegular reads a file, but no device or pipe, which might never end.
func readRegular(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", name)
	}
	if info.Size() > maxPEM {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, maxPEM)
	}
	return os.ReadFile(name)
}

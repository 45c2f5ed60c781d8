package smtp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"
)

// A mailbox is a mail server in this process, and what it took.
type mailbox struct {
	// What it is like; zero is a server that takes everything, in clear text.
	tls        *tls.Config
	implicit   bool             // TLS from the first byte
	user       string           // wants this login, whose password is "hush"
	mechanisms []string         // it logs in with; nil is PLAIN
	refuse     map[string]error // by recipient
	sender     error            // what it says to MAIL
	content    error            // what it says to the message

	addr string

	mu    sync.Mutex
	mails []taken
	hello string
}

type taken struct {
	from, user string
	to         []string
	text       string
	secure     bool
	options    gosmtp.MailOptions
}

// start listens on a loopback port until the test ends.
func (m *mailbox) start(t testing.TB) *mailbox {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.addr = l.Addr().String()
	s := gosmtp.NewServer(m)
	s.Domain = "mail.example.com"
	s.AllowInsecureAuth = true
	s.EnableSMTPUTF8 = true
	s.MaxMessageBytes = 1 << 20
	s.ErrorLog = quiet{}
	if m.tls != nil && !m.implicit {
		s.TLSConfig = m.tls
	}
	if m.implicit {
		l = tls.NewListener(l, m.tls)
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() { s.Close(); l.Close(); wg.Wait() }) // s may not know l yet
	return m
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

func (m *mailbox) taken() []taken {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.mails)
}

// only is the one mail that came.
func (m *mailbox) only(t *testing.T) taken {
	t.Helper()
	all := m.taken()
	if len(all) != 1 {
		t.Fatalf("%d mails came, want 1", len(all))
	}
	return all[0]
}

// NewSession is called after the greeting.
func (m *mailbox) NewSession(c *gosmtp.Conn) (gosmtp.Session, error) {
	_, secure := c.TLSConnectionState()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hello = c.Hostname()
	return &mailSession{box: m, now: taken{secure: secure || m.implicit}}, nil
}

type mailSession struct {
	box *mailbox
	now taken
}

func (s *mailSession) AuthMechanisms() []string {
	switch {
	case s.box.user == "":
		return nil
	case s.box.mechanisms == nil:
		return []string{sasl.Plain}
	}
	return s.box.mechanisms
}

func (s *mailSession) Auth(mech string) (sasl.Server, error) {
	login := func(user, password string) error {
		if user != s.box.user || password != "hush" {
			return &gosmtp.SMTPError{Code: 535, EnhancedCode: gosmtp.EnhancedCode{5, 7, 8}, Message: "user or password is wrong"}
		}
		s.now.user = user
		return nil
	}
	if mech == sasl.Plain {
		return sasl.NewPlainServer(func(_, user, password string) error { return login(user, password) }), nil
	}
	return &loginServer{check: login}, nil
}

// A loginServer is the other end of LOGIN, which go-sasl does not have.
type loginServer struct {
	check func(user, password string) error
	user  string
	asked bool
}

func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	if !l.asked {
		l.user, l.asked = string(response), true
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check(l.user, string(response))
}

func (s *mailSession) Mail(from string, o *gosmtp.MailOptions) error {
	if s.box.user != "" && s.now.user == "" {
		return gosmtp.ErrAuthRequired
	}
	s.now.from, s.now.options = from, *o
	return s.box.sender
}

func (s *mailSession) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	if err := s.box.refuse[to]; err != nil {
		return err
	}
	s.now.to = append(s.now.to, to)
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.box.content != nil {
		return s.box.content
	}
	s.now.text = string(text)
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	s.box.mails = append(s.box.mails, s.now)
	return nil
}

func (s *mailSession) Reset()        {}
func (s *mailSession) Logout() error { return nil }

// authority makes a certificate for localhost that only its own file trusts.
func authority(t testing.TB) (server *tls.Config, caFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err2 := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	err3 := os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
	if err := errors.Join(err, err2, err3); err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, caFile
}

// A script is a server that says its lines one by one, whatever it is told, and
// remembers what it was told.
type script struct {
	addr string
	mu   sync.Mutex
	told strings.Builder
}

// perform answers each command with the next line. A line "!hang" is no answer,
// "!close" hangs up.
func perform(t testing.TB, lines ...string) *script {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &script{addr: l.Addr().String()}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { s.play(c, lines, stop) })
		}
	})
	t.Cleanup(func() { close(stop); l.Close(); wg.Wait() })
	return s
}

func (s *script) play(c net.Conn, lines []string, stop chan struct{}) {
	defer c.Close()
	gone := make(chan struct{})
	defer close(gone)
	go func() {
		select {
		case <-stop:
			c.Close()
		case <-gone:
		}
	}()
	buf := make([]byte, 64<<10)
	for i, line := range lines {
		switch line {
		case "!hang":
			<-stop
			return
		case "!close":
			return
		case "!endless":
			for {
				if _, err := io.WriteString(c, "250-"+strings.Repeat("x", 900)+"\r\n"); err != nil {
					return
				}
			}
		}
		if _, err := io.WriteString(c, line+"\r\n"); err != nil {
			return
		}
		if i == len(lines)-1 {
			return
		}
		n, err := c.Read(buf)
		s.mu.Lock()
		s.told.Write(buf[:n])
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (s *script) heard() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told.String()
}

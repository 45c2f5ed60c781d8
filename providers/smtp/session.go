package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
	"unicode"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"

	"tocsin/providers"
	"tocsin/providers/dial"
)

// A session is a connection on which the greetings are over and, if there is
// something to log in with, the login too.
type session struct {
	*gosmtp.Client
	ctx  context.Context // of the call the session is made for, which it does not outlive
	done func()
}

// most is how long a call may take whose context sets no limit.
const most = time.Minute

// connect makes a session. When ctx is done the connection is closed, in whatever
// phase it is.
func (c *client) connect(ctx context.Context) (*session, error) {
	ctx, cancel := limited(ctx)
	conn, err := c.dialer.DialContext(ctx, "tcp", c.address)
	if err != nil {
		defer cancel()
		return nil, broken(ctx, "connect", err)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	s := &session{ctx: ctx, done: func() { stop(); conn.Close(); cancel() }}
	if err := s.begin(c, &bounded{Conn: conn, left: maxAnswers}); err != nil {
		s.done()
		return nil, err
	}
	return s, nil
}

func limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, most, fmt.Errorf("the mail server took longer than %v", most))
}

// begin exchanges greetings, as the encryption asks for, and logs in.
func (s *session) begin(c *client, conn net.Conn) error {
	if err := s.greet(c, conn); err != nil {
		return err
	}
	s.CommandTimeout, s.SubmissionTimeout = most, most
	if err := s.Hello(c.introduction(conn)); err != nil {
		return broken(s.ctx, "greeting", untrusted(err))
	}
	if c.username == "" || c.password == "" {
		return nil
	}
	return s.login(c)
}

func (s *session) greet(c *client, conn net.Conn) (err error) {
	switch c.encryption {
	case "SSL":
		secure := tls.Client(conn, c.tls)
		if err := secure.HandshakeContext(s.ctx); err != nil {
			return broken(s.ctx, "tls", untrusted(err))
		}
		s.Client = gosmtp.NewClient(secure)
	case "TLS":
		// Without STARTTLS this is an error: going on would send everything in clear text.
		if s.Client, err = gosmtp.NewClientStartTLS(conn, c.tls); err != nil {
			return broken(s.ctx, "greeting", unencrypted(err))
		}
	default:
		s.Client = gosmtp.NewClient(conn)
	}
	return nil
}

// introduction is what follows EHLO: the name given, or this end's address in the
// form of RFC 5321 §4.1.3, as §4.1.4 says for those without a name.
func (c *client) introduction(conn net.Conn) string {
	if c.hello != "" {
		return c.hello
	}
	addr, ok := conn.LocalAddr().(*net.TCPAddr)
	switch {
	case !ok:
		return "localhost"
	case addr.IP.To4() != nil:
		return "[" + addr.IP.To4().String() + "]"
	}
	return "[IPv6:" + addr.IP.String() + "]"
}

// login uses PLAIN, or LOGIN where that is all there is.
func (s *session) login(c *client) error {
	offered, mechanisms := s.Extension("AUTH")
	var how sasl.Client
	switch {
	case !offered:
		return errors.New("login: the server offers none on this connection; many do so only with encryption TLS or SSL")
	case s.SupportsAuth(sasl.Plain):
		how = sasl.NewPlainClient("", c.username, c.password)
	case s.SupportsAuth(sasl.Login):
		how = sasl.NewLoginClient(c.username, c.password)
	default:
		return fmt.Errorf("login: the server offers %s; only PLAIN and LOGIN are supported", mechanisms)
	}
	if err := s.Auth(how); err != nil {
		return broken(s.ctx, "login", err)
	}
	return nil
}

// close says goodbye and hangs up. Whatever comes of it, what was sent is sent: no
// more than a second is spent on it.
func (s *session) close() {
	s.CommandTimeout = time.Second
	_ = s.Quit()
	s.done()
}

// broken is the error of a phase. A reply is quoted: those that begin with a 4 may
// pass, those with a 5 last (RFC 5321 §4.2.1). A connection that breaks may hold the
// next time, unless it was refused on our side.
func broken(ctx context.Context, phase string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", phase, providers.Stopped(ctx))
	}
	if reply, ok := errors.AsType[*gosmtp.SMTPError](err); ok {
		said := fmt.Errorf("%s: %s", phase, quote(reply))
		if reply.Temporary() {
			return providers.Temporary(said, 0)
		}
		return said
	}
	_, blocked := errors.AsType[*dial.Blocked](err)
	_, stranger := errors.AsType[*tls.CertificateVerificationError](err)
	if blocked || stranger || errors.Is(err, errNoSTARTTLS) {
		return fmt.Errorf("%s: %w", phase, err)
	}
	return providers.Temporary(fmt.Errorf("%s: %w", phase, err), 0)
}

var errNoSTARTTLS = errors.New("the server does not offer STARTTLS; nothing was sent, as encryption is TLS")

// unencrypted finds errNoSTARTTLS, which go-smtp has in words only.
func unencrypted(err error) error {
	if strings.Contains(err.Error(), "doesn't support STARTTLS") {
		return errNoSTARTTLS
	}
	return err
}

// untrusted adds what can be done about errors of TLS.
func untrusted(err error) error {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Errorf("%w; ca_file names an authority of your own", err)
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return fmt.Errorf("%w; a server on port 25 or 587 usually wants encryption TLS instead of SSL", err)
	}
	return err
}

// quote is a server's reply in one line, without what a terminal would obey:
// "550 5.1.1 no such user".
func quote(reply *gosmtp.SMTPError) string {
	printable := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(reply.Message, ""))
	words := strings.Join(strings.Fields(printable), " ")
	if runes := []rune(words); len(runes) > 300 {
		words = string(runes[:300]) + "…"
	}
	code := fmt.Sprint(reply.Code)
	if e := reply.EnhancedCode; e[0] > 0 {
		code += fmt.Sprintf(" %d.%d.%d", e[0], e[1], e[2])
	}
	return strings.TrimSpace(code + " " + words)
}

// maxAnswers is the most that a server may say in a session.
const maxAnswers = 1 << 20

var errTalks = fmt.Errorf("the server said more than %d bytes", maxAnswers)

// bounded is a connection from which only so much is read: replies may have any
// number of lines.
type bounded struct {
	net.Conn
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTalks
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

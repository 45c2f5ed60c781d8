// Package smtp sends mail through a mail server.
//
// A call is one connection: greeting, TLS, login, envelope, message, goodbye. The
// protocol is go-smtp's client; what is said and when it counts as sent is decided
// here. Start reading at client.Notify; composing a message is in message.go.
package smtp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"tocsin/providers"
	"tocsin/providers/dial"
	"tocsin/templating/value"
)

// Config is one mail server.
type Config struct {
	Server     string           `param:"smtp_server,required" doc:"Name of the mail server."`
	Port       int              `param:"smtp_port" doc:"Its port: 587 if nothing is said, or 465 with encryption SSL."`
	Encryption string           `param:"encryption" enum:"SSL,TLS,None" default:"TLS" doc:"SSL from the first byte, TLS by STARTTLS, without which nothing is sent, or None."`
	Username   string           `param:"smtp_username" doc:"Name to log in with, if a password is given too."`
	Password   providers.Secret `param:"smtp_password" doc:"Password, or the app password that many services want instead."`
	Verify     bool             `param:"verify" default:"true" doc:"Whether the server's certificate must be valid for its name."`
	CAFile     string           `param:"ca_file" host:"file" doc:"PEM file of the authority that signed the certificate, instead of the system's."`
	Hello      string           `param:"helo" doc:"Name to introduce this machine by; its address if nothing is said."`
}

// Mail is one message.
type Mail struct {
	From     string            `param:"from_email,required" doc:"Address of the sender."`
	FromName string            `param:"from_name" doc:"Name of the sender, shown instead of the address."`
	To       []string          `param:"to_email,required" doc:"Who gets it: an address, several with commas between them, or a list."`
	Cc       []string          `param:"cc" doc:"Who gets a copy that the others see."`
	Bcc      []string          `param:"bcc" doc:"Who gets a copy that the others do not see."`
	ReplyTo  []string          `param:"reply_to" doc:"Where answers go, if not to the sender."`
	Subject  string            `param:"subject,required" doc:"Subject, in one line."`
	Body     string            `param:"body" doc:"Text of the message."`
	HTML     string            `param:"html" doc:"The message as HTML; with body too, readers show the one they can."`
	Headers  map[string]string `param:"headers" doc:"Further headers, such as In-Reply-To, or a Message-ID of your own."`
	Rest     *value.Map        `param:"*,warn" doc:"Other names are taken, as Keep does, and not sent."`
}

// Sent is what was handed over.
type Sent struct {
	From      string   `param:"from" doc:"Address of the sender."`
	To        []string `param:"to" doc:"Addresses of to_email."`
	Subject   string   `param:"subject" doc:"Subject."`
	HTML      string   `param:"html" doc:"The message as HTML, if it was given."`
	Body      string   `param:"body" doc:"Text of the message, if it was given."`
	MessageID string   `param:"message_id" doc:"The Message-ID, by which servers and readers know it."`
}

//go:embed README.md
var readme string

// Provider sends mail.
var Provider = providers.Define(providers.Definition[*client]{
	Type:       "smtp",
	Title:      "SMTP",
	Summary:    "Send mail through a mail server.",
	Categories: []providers.Category{"Collaboration"},
	Readme:     readme,
	Message:    "body",
	Retell:     retell,
	Open:       providers.Open(open),
	Notify:     providers.Call((*client).Notify),
	Check:      (*client).Check,
})

// A client is a mail server; it holds no connection between calls.
type client struct {
	address    string // host:port
	encryption string
	tls        *tls.Config
	username   string
	password   string
	hello      string
	dialer     *dial.Dialer
	now        func() time.Time
}

// open checks what can be checked without the server.
func open(_ context.Context, c Config, env providers.Env) (*client, error) {
	host := strings.Trim(strings.TrimSpace(c.Server), "[]")
	if host == "" || strings.ContainsAny(host, " \t\r\n/@") {
		return nil, errors.New("smtp_server must be the name of a mail server, such as smtp.example.com")
	}
	port, err := c.port()
	if err != nil {
		return nil, err
	}
	roots, err := readRoots(c.CAFile)
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(c.Hello, " \t\r\n") {
		return nil, errors.New("helo must be a name without spaces")
	}
	warn(env.Log, c, host)
	return &client{
		address:    net.JoinHostPort(host, strconv.Itoa(port)),
		encryption: c.Encryption,
		tls:        &tls.Config{ServerName: host, RootCAs: roots, InsecureSkipVerify: !c.Verify},
		username:   c.Username,
		password:   string(c.Password),
		hello:      c.Hello,
		dialer:     env.Dialer,
		now:        env.Now,
	}, nil
}

func (c Config) port() (int, error) {
	switch {
	case c.Port < 0 || c.Port > 65535:
		return 0, fmt.Errorf("smtp_port %d is no port", c.Port)
	case c.Port == 0 && c.Encryption == "SSL":
		return 465, nil
	case c.Port == 0:
		return 587, nil
	}
	return c.Port, nil
}

// warn says what of the configuration is at the author's own risk.
func warn(log *slog.Logger, c Config, host string) {
	if c.Encryption == "None" && c.Password != "" && !loopback(host) {
		log.Warn("the password is sent in clear text: encryption is None", "server", host)
	}
	if !c.Verify && c.Encryption != "None" {
		log.Warn("the server's certificate is not verified", "server", host)
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// maxRoots is the most that is read of a CA file; the whole of Mozilla's list has a
// quarter of it.
const maxRoots = 1 << 20

// readRoots reads the authorities in a PEM file; no file is nil, the system's.
func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	// A pipe or a device would hold the call or never end.
	if info, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("ca_file: %s is no regular file", file)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxRoots))
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("ca_file: there is no certificate in %s", file)
	}
	return pool, nil
}

// Notify sends one mail. If the server takes it for some of the recipients and not
// for others, those get it, and the others are named in an error that is lasting, for
// to repeat the call would tell the first ones twice.
func (c *client) Notify(ctx context.Context, m Mail) (Sent, error) {
	msg, err := c.compose(m, providers.OriginOf(ctx).Key)
	if err != nil {
		return Sent{}, err
	}
	s, err := c.connect(ctx)
	if err != nil {
		return Sent{}, err
	}
	defer s.close()
	if err := s.deliver(msg); err != nil {
		return Sent{}, err
	}
	return Sent{From: msg.from, To: msg.to, Subject: m.Subject, HTML: m.HTML, Body: m.Body, MessageID: msg.id}, nil
}

// Check connects and logs in, and sends nothing.
func (c *client) Check(ctx context.Context) error {
	s, err := c.connect(ctx)
	if err != nil {
		return err
	}
	s.close()
	return nil
}

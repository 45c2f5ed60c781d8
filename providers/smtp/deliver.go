package smtp

import (
	"errors"
	"fmt"
	"strings"

	gosmtp "github.com/emersion/go-smtp"

	"tocsin/providers"
)

// deliver sends m to those of its recipients that the server takes. That there were
// others is an error that names them, and lasts.
func (s *session) deliver(m *message) error {
	if err := s.Mail(m.from, m.options()); err != nil {
		return broken(s.ctx, "sender "+m.from, err)
	}
	refused, err := s.recipients(m.recipients)
	if err != nil {
		return err
	}
	if len(refused) == len(m.recipients) {
		return nobody(refused)
	}
	if err := s.data(m.text); err != nil {
		return err
	}
	if len(refused) > 0 {
		return fmt.Errorf("sent, but not to all: %s", quotes(refused))
	}
	return nil
}

// A refusal is the reply to one recipient.
type refusal struct {
	to    string
	reply *gosmtp.SMTPError
}

// recipients offers each recipient. An error other than the server's no ends it.
func (s *session) recipients(all []string) ([]refusal, error) {
	var refused []refusal
	for _, to := range all {
		err := s.Rcpt(to, nil)
		if err == nil {
			continue
		}
		reply, ok := errors.AsType[*gosmtp.SMTPError](err)
		if !ok || reply.Code == 421 { // 421: the server is about to hang up
			return nil, broken(s.ctx, "recipient "+to, err)
		}
		refused = append(refused, refusal{to, reply})
	}
	return refused, nil
}

// nobody is the error when no recipient was taken. It may pass if that is so of
// each of them: greylisting refuses all at first.
func nobody(refused []refusal) error {
	err := errors.New(quotes(refused))
	for _, r := range refused {
		if !r.reply.Temporary() {
			return err
		}
	}
	return providers.Temporary(err, 0)
}

func quotes(refused []refusal) string {
	texts := make([]string, len(refused))
	for i, r := range refused {
		texts[i] = "recipient " + r.to + ": " + quote(r.reply)
	}
	return strings.Join(texts, "; ")
}

func (s *session) data(text []byte) error {
	w, err := s.Data()
	if err != nil {
		return broken(s.ctx, "message", err)
	}
	if _, err := w.Write(text); err != nil {
		return broken(s.ctx, "message", err)
	}
	if err := w.Close(); err != nil {
		return broken(s.ctx, "message", err)
	}
	return nil
}

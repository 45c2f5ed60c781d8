package smtp

import (
	"errors"
	"fmt"
	"strings"

	gosmtp "github.com/emersion/go-smtp"

	"tocsin/providers"
)

// deliver sends m to those of its recipients that the server takes. Those it does
// not take are returned, beside an error that names them, if there were others.
func (s *session) deliver(m *message) (refused []string, err error) {
	if err := s.Mail(m.from, m.options()); err != nil {
		return nil, broken(s.ctx, "sender "+m.from, err)
	}
	refused, replies, err := s.recipients(m.recipients)
	if err != nil {
		return nil, err
	}
	if len(refused) == len(m.recipients) {
		return nil, nobody(replies)
	}
	if err := s.data(m.text); err != nil {
		return nil, err
	}
	if len(refused) == 0 {
		return nil, nil
	}
	return refused, fmt.Errorf("sent, but not to all: %s", quotes(replies))
}

// A refusal is the reply to one recipient.
type refusal struct {
	to    string
	reply *gosmtp.SMTPError
}

// recipients offers each recipient. An error other than the server's no ends it.
func (s *session) recipients(all []string) (refused []string, replies []refusal, err error) {
	for _, to := range all {
		err := s.Rcpt(to, nil)
		if err == nil {
			continue
		}
		reply, ok := errors.AsType[*gosmtp.SMTPError](err)
		if !ok || reply.Code == 421 { // 421: the server is about to hang up
			return nil, nil, broken(s.ctx, "recipient "+to, err)
		}
		refused, replies = append(refused, to), append(replies, refusal{to, reply})
	}
	return refused, replies, nil
}

// nobody is the error when no recipient was taken. It may pass if that is so of
// each of them: greylisting refuses all at first.
func nobody(replies []refusal) error {
	err := errors.New(quotes(replies))
	for _, r := range replies {
		if !r.reply.Temporary() {
			return err
		}
	}
	return providers.Temporary(err, 0)
}

func quotes(replies []refusal) string {
	texts := make([]string, len(replies))
	for i, r := range replies {
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

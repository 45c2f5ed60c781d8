package smtp

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"unicode/utf8"
)

// people are the addresses of one parameter, and the header that shows them, if one
// does.
type people struct {
	header string
	list   []*mail.Address
}

// sender is from_email with from_name, which wins over a name written with the
// address.
func (m Mail) sender() (*mail.Address, error) {
	list, err := addresses("from_email", []string{m.From})
	if err != nil {
		return nil, err
	}
	if len(list) != 1 {
		return nil, errors.New("from_email must be one address")
	}
	name, err := oneLine("from_name", m.FromName)
	if name != "" {
		list[0].Name = name
	}
	return list[0], err
}

// people are those the mail goes to, and those answers go to.
func (m Mail) people() ([]people, error) {
	all := []people{}
	for _, p := range []struct {
		param, header string
		texts         []string
	}{
		{"to_email", "To", m.To},
		{"cc", "Cc", m.Cc},
		{"bcc", "", m.Bcc},
		{"reply_to", "Reply-To", m.ReplyTo},
	} {
		list, err := addresses(p.param, p.texts)
		if err != nil {
			return nil, err
		}
		if p.param == "to_email" && len(list) == 0 {
			return nil, errors.New("to_email must name somebody")
		}
		all = append(all, people{p.header, list})
	}
	return all, nil
}

// envelope lists whom the server is told: everybody but those of Reply-To, once each.
func envelope(all []people) (to, recipients []string) {
	seen := make(map[string]bool)
	for _, p := range all {
		for _, a := range p.list {
			address := bare(a)
			if p.header == "To" {
				to = append(to, address)
			}
			if p.header != "Reply-To" && !seen[address] {
				seen[address] = true
				recipients = append(recipients, address)
			}
		}
	}
	return to, recipients
}

// addresses reads texts of which each is an address, with or without a name, or
// several with commas between them. Empty ones are left out.
func addresses(param string, texts []string) ([]*mail.Address, error) {
	var all []*mail.Address
	for _, text := range texts {
		text, err := oneLine(param, text)
		if err != nil {
			return nil, err
		}
		text = strings.Trim(text, ", ")
		if text == "" {
			continue
		}
		list, err := mail.ParseAddressList(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %q is no mail address: %s", param, text, strings.TrimPrefix(err.Error(), "mail: "))
		}
		all = append(all, list...)
	}
	return all, nil
}

// bare is an address as SMTP has it, its local part in quotes if it must be: without
// them "a> SIZE=1"@example.com would add to the command.
func bare(a *mail.Address) string {
	text := (&mail.Address{Address: a.Address}).String()
	return strings.TrimSuffix(strings.TrimPrefix(text, "<"), ">")
}

// shown is a list of addresses as a header has it.
func shown(list ...*mail.Address) string {
	texts := make([]string, len(list))
	for i, a := range list {
		texts[i] = bare(a)
		if a.Name != "" {
			texts[i] = (&mail.Address{Name: a.Name, Address: a.Address}).String()
		}
	}
	return strings.Join(texts, ", ")
}

// isASCII says that SMTP takes an address as it is, without RFC 6531.
func isASCII(address string) bool {
	for i := range len(address) {
		if address[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

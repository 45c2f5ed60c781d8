package providers

import (
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// A Use is a file of the machine, or a variable of its environment, that parameters name.
type Use = schema.Use

// Permits says by an error that parameters ask for something of the machine that the host
// does not let them have. With no Host, they may have anything.
func (env Env) Permits(s *schema.Schema, with source.Value) error {
	if env.Host == nil || s == nil {
		return nil
	}
	for _, use := range s.Uses(with) {
		if err := env.Host(use); err != nil {
			return err
		}
	}
	return nil
}

// permits is Permits of the client's host, for the parameters of an operation as they are
// when it is called: whatever they were made of.
func (c *Client) permits(o *Operation, with source.Value) error {
	if c.host == nil || o == nil {
		return nil
	}
	return Env{Host: c.host}.Permits(o.Params, with)
}

package providers

import (
	"context"
	"io"
	"reflect"
	"sync"

	"tocsin/templating/value"
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// A Definition is a Provider while the type C of its client is still known. Every
// operation is one function; its parameter and result structs are the provider's
// own. A client that has a Close method is closed with it.
type Definition[C any] struct {
	Type, Title, Summary string
	Categories           []Category
	Readme               string
	Executes             bool
	Demo                 *Demo  // a stand-in, for demonstrations; nil: none
	Message              string // parameter that a plain text goes to; "" if none
	Retell               Retell // what differs in messages about an alert that was told of; nil: the text

	Open      Opener[C]    // left out if there is nothing to configure: C's zero value
	Query     Method[C]    // func(C, context.Context, Params) (Result, error)
	Notify    Method[C]    // func(C, context.Context, Params) (Result, error)
	Subscribe Listener[C]  // func(C, context.Context, Params, func(Alert) error) error
	Converse  Converser[C] // func(C, context.Context, Params, Talk) (Result, error)
	Mirror    Mirroring    // a server that shows what clients say; nil: none
	Pull      func(C, context.Context) ([]Alert, error)
	Check     func(C, context.Context) error
	Receive   func(Delivery) ([]Alert, error)
}

// An Opener makes clients; Open describes one. A Method is an operation; Call
// describes one. A Listener is a stream of alerts; Listen describes one. Their zero
// values are "there is none".
type (
	Opener[C any] struct {
		config *schema.Schema
		open   func(ctx context.Context, what string, config source.Value, env Env) (C, error)
	}
	Method[C any] struct {
		params, result *schema.Schema
		review         func(what string, with source.Value) error
		call           func(c C, ctx context.Context, what string, with source.Value) (any, error)
		prepare        func(c C, what string, with source.Value) (Prepared, error) // nil: nothing can be done before the call
	}
	Listener[C any] struct {
		params, fields *schema.Schema
		review         func(what string, with source.Value) error
		begin          func(c C, what string, with source.Value) (Stream, error)
	}
)

// Define makes the provider that d describes.
func Define[C any](d Definition[C]) Provider {
	p := Provider{
		Type:       d.Type,
		Title:      d.Title,
		Summary:    d.Summary,
		Categories: d.Categories,
		Readme:     d.Readme,
		Executes:   d.Executes,
		Demo:       d.Demo,
		Config:     d.Open.config,
		Query:      d.Query.operation(d.Message),
		Notify:     d.Notify.operation(d.Message).retelling(d.Retell),
		Pull:       d.Pull != nil,
		Check:      d.Check != nil,
		Receive:    d.Receive,
		Mirror:     d.Mirror,
		open:       d.client,
	}
	if d.Converse.converse != nil {
		p.Converse = &Operation{Params: d.Converse.params, Message: d.Message}
	}
	if d.Subscribe.begin != nil {
		p.Subscribe = &Operation{Params: d.Subscribe.params, Result: d.Subscribe.fields, Review: d.Subscribe.review}
	}
	p.client = reflect.TypeFor[C]()
	return p
}

// client opens a client and binds the operations to it: here C is forgotten.
func (d Definition[C]) client(ctx context.Context, config source.Value, env Env) (operations, error) {
	var c C
	if d.Open.open != nil {
		var err error
		if c, err = d.Open.open(ctx, d.Type, config, env); err != nil {
			return operations{}, err
		}
	}
	return operations{
		query:     d.Query.bind(c, d.Type),
		prepare:   d.Query.bindPrepare(c, d.Type),
		notify:    d.Notify.bind(c, d.Type),
		subscribe: d.Subscribe.bind(c, d.Type),
		converse:  d.Converse.bind(c, d.Type),
		pull:      bind(d.Pull, c),
		check:     bindCheck(d.Check, c),
		close:     closer(c),
	}, nil
}

// Open describes how a client is made: decode the configuration, call fn. A Config of
// source.Value takes the configuration as it is. Keys that Config does not have are
// left out, since Keep tolerates them, unless they are near one that it has.
func Open[Config, C any](fn func(context.Context, Config, Env) (C, error)) Opener[C] {
	s, decode := decoder[Config]()
	return Opener[C]{
		config: s,
		open: func(ctx context.Context, what string, config source.Value, env Env) (C, error) {
			cfg, err := decode(what, known(s, config))
			if err != nil {
				var none C
				return none, err
			}
			return fn(ctx, cfg, env)
		},
	}
}

// Call describes an operation: decode the parameters, call fn, turn the result into
// a value. A result beside an error is dropped. A Result that is a struct is described
// by its tags, so that a misspelt field of it is found before the run. A Params of source.Value takes the parameters as they are.
func Call[C, Params, Result any](fn func(C, context.Context, Params) (Result, error)) Method[C] {
	s, decode := decoder[Params]()
	return Method[C]{
		params: s,
		result: shape[Result](),
		review: reviewer(decode),
		call: func(c C, ctx context.Context, what string, with source.Value) (any, error) {
			params, err := decode(what, with)
			if err != nil {
				return nil, err
			}
			result, err := fn(c, ctx, params)
			if err != nil {
				return nil, err
			}
			return value.Of(result), nil
		},
	}
}

// Prepare is Call for an operation that has much to work out of its parameters: fn does
// that, and returns what is then done with it, any number of times and several at once.
// Where the parameters of a step are the same in every run, they are worked out once.
func Prepare[C, Params, Result any](fn func(C, Params) (func(context.Context) (Result, error), error)) Method[C] {
	s, decode := decoder[Params]()
	prepare := func(c C, what string, with source.Value) (Prepared, error) {
		params, err := decode(what, with)
		if err != nil {
			return nil, err
		}
		do, err := fn(c, params)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context) (any, error) {
			result, err := do(ctx)
			if err != nil {
				return nil, err
			}
			return value.Of(result), nil
		}, nil
	}
	return Method[C]{
		params: s, result: shape[Result](), review: reviewer(decode), prepare: prepare,
		call: func(c C, ctx context.Context, what string, with source.Value) (any, error) {
			do, err := prepare(c, what, with)
			if err != nil {
				return nil, err
			}
			return do(ctx)
		},
	}
}

// Listen describes a stream of alerts.
func Listen[C, Params any](fn func(C, context.Context, Params, func(Alert) error) error) Listener[C] {
	s, decode := decoder[Params]()
	return Listener[C]{
		params: s,
		begin: func(c C, what string, with source.Value) (Stream, error) {
			params, err := decode(what, with)
			if err != nil {
				return nil, err
			}
			return func(ctx context.Context, emit func(Alert) error) error { return fn(c, ctx, params, emit) }, nil
		},
	}
}

// Emits is l with a description of what the Fields of its alerts are: those of a struct
// with tags.
func Emits[Fields, C any](l Listener[C]) Listener[C] {
	l.fields = shape[Fields]()
	return l
}

func (m Method[C]) operation(message string) *Operation {
	if m.call == nil {
		return nil
	}
	return &Operation{Params: m.params, Result: m.result, Message: message, Review: m.review}
}

// A Reviewer is parameters that know what is wrong with them besides what their schema
// says, such as two that contradict each other. The error begins with the name of the
// parameter that it is about, if it is about one. It opens nothing and asks nobody.
type Reviewer interface{ Review() error }

// reviewer is Operation.Review for parameters that are Reviewers; nil for others.
func reviewer[T any](decode func(string, source.Value) (T, error)) func(string, source.Value) error {
	if _, ok := any(*new(T)).(Reviewer); !ok {
		return nil
	}
	return func(what string, with source.Value) error {
		params, err := decode(what, with)
		if err != nil {
			return nil // which its schema says better
		}
		return any(params).(Reviewer).Review()
	}
}

func (o *Operation) retelling(how Retell) *Operation {
	if o != nil {
		o.Retell = how
	}
	return o
}

func (m Method[C]) bind(c C, what string) func(context.Context, source.Value) (any, error) {
	if m.call == nil {
		return nil
	}
	return func(ctx context.Context, with source.Value) (any, error) { return m.call(c, ctx, what, with) }
}

func (m Method[C]) bindPrepare(c C, what string) func(source.Value) (Prepared, error) {
	if m.prepare == nil {
		return nil
	}
	return func(with source.Value) (Prepared, error) { return m.prepare(c, what, with) }
}

func (l Listener[C]) bind(c C, what string) func(source.Value) (Stream, error) {
	if l.begin == nil {
		return nil
	}
	return func(with source.Value) (Stream, error) { return l.begin(c, what, with) }
}

func bind[C any](fn func(C, context.Context) ([]Alert, error), c C) func(context.Context) ([]Alert, error) {
	if fn == nil {
		return nil
	}
	return func(ctx context.Context) ([]Alert, error) { return fn(c, ctx) }
}

func bindCheck[C any](fn func(C, context.Context) error, c C) func(context.Context) error {
	if fn == nil {
		return nil
	}
	return func(ctx context.Context) error { return fn(c, ctx) }
}

func closer(c any) func() error {
	if c, ok := c.(io.Closer); ok {
		return c.Close
	}
	return func() error { return nil }
}

// anything is the schema of parameters that are taken as they are.
type anything struct {
	Rest *value.Map `param:"*" doc:"Anything; it is passed on as it is."`
}

// decoder reads a T out of a mapping. What T looks like is found out once.
func decoder[T any]() (*schema.Schema, func(what string, v source.Value) (T, error)) {
	if _, raw := any(*new(T)).(source.Value); raw {
		return schema.Of[anything](), func(_ string, v source.Value) (T, error) { return any(v).(T), nil }
	}
	s := schema.Of[T]()
	var spare sync.Pool // of *T: some have two kilobytes, and there may be thousands at a time
	return s, func(what string, v source.Value) (T, error) {
		t, ok := spare.Get().(*T)
		if !ok {
			t = new(T)
		}
		if v.Data == nil {
			v.Data = source.Map{}
		}
		err := s.Decode(v, what, t)
		decoded := *t
		*t = *new(T)
		spare.Put(t)
		return decoded, err
	}
}

// shape is the schema of a result, where its type says what is in it.
func shape[Result any]() *schema.Schema {
	t := reflect.TypeFor[Result]()
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[source.Value]() {
		return nil
	}
	return schema.Of[Result]()
}

// known is config without the keys that s neither has nor has anything near. A
// misspelt key stays, for Decode to report it.
func known(s *schema.Schema, config source.Value) source.Value {
	m := config.Entries()
	if m == nil || s.Open() {
		return config
	}
	var kept source.Map
	for _, e := range m {
		if _, has := s.Field(e.Key); has || source.Nearest(e.Key, names(s)) != "" {
			kept = append(kept, e)
		}
	}
	config.Data = kept
	return config
}

func names(s *schema.Schema) []string {
	var all []string
	for _, f := range s.Fields() {
		all = append(all, f.Name)
		all = append(all, f.Aliases...)
	}
	return all
}

package providers

import "context"

// A Definition is a Provider while the type C of its client is still known. Every
// operation is one function; its parameter and result structs are the provider's
// own.
type Definition[C any] struct {
	Type, Title, Summary string
	Categories           []Category
	Readme               string
	Executes             bool
	Message              string // parameter that a plain text goes to; "" if none

	Open      Opener[C]   // left out if there is nothing to configure
	Query     Method[C]   // func(C, context.Context, Params) (Result, error)
	Notify    Method[C]   // func(C, context.Context, Params) (Result, error)
	Subscribe Listener[C] // func(C, context.Context, Params, func(Alert) error) error
	Pull      func(C, context.Context) ([]Alert, error)
	Check     func(C, context.Context) error
	Receive   func(Delivery) ([]Alert, error)
}

type (
	Opener[C any]   struct{}
	Method[C any]   struct{}
	Listener[C any] struct{}
)

// Define makes the provider that d describes.
func Define[C any](d Definition[C]) Provider { panic("unwritten") }

// Open describes how a client is made: decode the configuration, call fn.
func Open[Config, C any](fn func(context.Context, Config, Env) (C, error)) Opener[C] {
	panic("unwritten")
}

// Call describes an operation: decode the parameters, call fn, turn the result into
// a value. A Params of source.Value takes the parameters as they are.
func Call[C, Params, Result any](fn func(C, context.Context, Params) (Result, error)) Method[C] {
	panic("unwritten")
}

// Listen describes a stream of alerts.
func Listen[C, Params any](fn func(C, context.Context, Params, func(Alert) error) error) Listener[C] {
	panic("unwritten")
}

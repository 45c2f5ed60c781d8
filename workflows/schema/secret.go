package schema

import (
	"fmt"
	"io"
	"log/slog"
)

// A Secret is a string that never prints, marshals or logs itself: it shows as
// "[redacted]" in every format. string(s) is the secret. Two places do not ask it:
// package fmt in an unexported field, and package json as the key of a map.
type Secret string

const redacted = "[redacted]"

func (Secret) String() string               { return redacted }
func (Secret) GoString() string             { return redacted }
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
func (Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }

// Format prints the same for every verb. Without it, one that does not fit a string
// would print the secret in its complaint.
func (Secret) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// A Lazy parameter is not rendered before the call: the provider renders it, as
// often as it likes, each time with more names to see. Only providers that loop
// need it. A value that is no template is a Lazy that returns it.
type Lazy func(more map[string]any) (any, error)

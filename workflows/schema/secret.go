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

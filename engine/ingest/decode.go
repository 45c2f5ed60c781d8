package ingest

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strings"

	"tocsin/templating/value"
)

// maxParts is how many fields a form may have.
const maxParts = 256

// decode reads the body as its Content-Type says: JSON, or a form whose fields become
// texts of a mapping. Senders that name no type, text, or a form send JSON all the same
// (curl -d), so what begins like JSON is read as such.
func decode(r Request) (any, error) {
	v, err := read(r)
	if err != nil || r.Before == nil {
		return v, err
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, item := range list[:min(len(list), MaxAlerts)] {
		if m, ok := item.(*value.Map); ok {
			r.Before(m)
		}
	}
	return v, nil
}

func read(r Request) (any, error) {
	if len(r.Body) > MaxBody {
		return nil, refuse(TooLarge, "the body is longer than %d bytes", MaxBody)
	}
	kind, params, err := mediaType(r)
	if err != nil {
		return nil, err
	}
	switch {
	case len(bytes.TrimSpace(r.Body)) == 0:
		return nil, refuse(Malformed, "the body is empty")
	case isJSON(kind), kind == "", kind == "text/plain", kind == "application/octet-stream":
		return decodeJSON(r.Body)
	case kind == "application/x-www-form-urlencoded":
		return decodeForm(r.Body)
	case kind == "multipart/form-data":
		return decodeMultipart(r.Body, params["boundary"])
	}
	return nil, refuse(Unsupported, "Content-Type %q is not read: send application/json", short(kind))
}

func isJSON(kind string) bool {
	return kind == "application/json" || kind == "text/json" || strings.HasSuffix(kind, "+json")
}

func mediaType(r Request) (kind string, params map[string]string, err error) {
	given := r.Header.Get("Content-Type")
	if given == "" {
		return "", nil, nil
	}
	kind, params, err = mime.ParseMediaType(given)
	if err != nil {
		return "", nil, refuse(Unsupported, "Content-Type %q is none: %v", short(given), err)
	}
	return kind, params, nil
}

// decodeMap reads the body, which must be one object.
func decodeMap(r Request) (*value.Map, error) {
	v, err := decode(r)
	if err != nil {
		return nil, err
	}
	m, ok := v.(*value.Map)
	if !ok {
		return nil, refuse(Invalid, "the body is %s, not an object", kindOf(v))
	}
	return m, nil
}

// decodeJSON reads JSON, also behind the byte order mark that PowerShell writes.
func decodeJSON(text []byte) (any, error) {
	v, err := value.DecodeJSON(bytes.TrimPrefix(text, []byte("\ufeff")))
	if err != nil {
		return nil, refuse(Malformed, "the body is no JSON: %v", err)
	}
	return v, nil
}

func decodeForm(body []byte) (any, error) {
	if looksLikeJSON(string(body)) {
		return decodeJSON(body)
	}
	if bytes.Count(body, []byte("&")) >= maxParts {
		return nil, refuse(TooLarge, "the form has more than %d fields", maxParts)
	}
	form, err := url.ParseQuery(strings.TrimSpace(string(body)))
	if err != nil {
		return nil, refuse(Malformed, "the body is no form: %v", err)
	}
	m := map[string]any{}
	for name, values := range form {
		m[strings.ToValidUTF8(name, "�")] = strings.ToValidUTF8(values[len(values)-1], "�")
	}
	return formValue(value.Of(m).(*value.Map))
}

func decodeMultipart(body []byte, boundary string) (any, error) {
	if boundary == "" {
		return nil, refuse(Malformed, "the Content-Type names no boundary")
	}
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	m := value.NewMap(4)
	for n := 0; ; n++ {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return formValue(m)
		}
		if err != nil {
			return nil, refuse(Malformed, "the body is no form: %v", err)
		}
		if n == maxParts {
			return nil, refuse(TooLarge, "the form has more than %d fields", maxParts)
		}
		content, err := atMost(part)
		if err != nil {
			return nil, refuse(Malformed, "the body is no form: %v", err)
		}
		m.Set(strings.ToValidUTF8(part.FormName(), "�"), strings.ToValidUTF8(string(content), "�"))
	}
}

// formValue is what a form says: the JSON in its field data or payload, as Uptime Kuma
// and others wrap it, or else its fields.
func formValue(m *value.Map) (any, error) {
	for _, name := range []string{"data", "payload"} {
		if s := text(m, name); looksLikeJSON(s) {
			return decodeJSON([]byte(s))
		}
	}
	if m.Len() == 0 {
		return nil, refuse(Malformed, "the form is empty")
	}
	return m, nil
}

func looksLikeJSON(s string) bool {
	s = strings.TrimLeft(s, " \t\r\n")
	return strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[")
}

// kindOf names a JSON value for people.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case string:
		return "a text"
	case []any:
		return "a list"
	case *value.Map:
		return "an object"
	}
	return "a number"
}

// at follows keys into v; nil where one is missing.
func at(v any, keys ...string) any {
	for _, k := range keys {
		m, _ := v.(*value.Map)
		v, _ = m.Get(k)
	}
	return v
}

// mapAt is at for a mapping; nil where there is none.
func mapAt(v any, keys ...string) *value.Map {
	m, _ := at(v, keys...).(*value.Map)
	return m
}

// text is at for a text without space around it. Numbers are their text; "" where there
// is neither.
func text(v any, keys ...string) string {
	switch v := at(v, keys...).(type) {
	case string:
		return strings.TrimSpace(v)
	case nil, bool, []any, *value.Map:
		return ""
	default:
		return value.Text(v)
	}
}

package server

import (
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// document is the OpenAPI 3.1 document of the table.
func document(table []route, version string) form {
	s := &schemas{components: map[string]any{}}
	s.of(reflect.TypeFor[failure]())
	paths := map[string]any{}
	for _, r := range table {
		item, ok := paths[r.path].(form)
		if !ok {
			item = form{}
			paths[r.path] = item
		}
		item[strings.ToLower(r.method)] = operation(s, r)
	}
	return form{
		"openapi": "3.1.0",
		"info": form{
			"title": "Tocsin", "version": orElse(version, "development"),
			"description": "The API of `tocsin serve`. What is not under /api/v1 is for clients of other programs: Keep's, Prometheus', and whatever sends alerts.",
		},
		"paths": paths,
		"components": form{
			"schemas": s.components,
			"securitySchemes": form{
				"key":    form{"type": "apiKey", "in": "header", "name": "X-API-KEY"},
				"bearer": form{"type": "http", "scheme": "bearer"},
				"basic":  form{"type": "http", "scheme": "basic", "description": "The key is the password."},
				"url":    form{"type": "apiKey", "in": "query", "name": "api_key"},
			},
		},
	}
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func operation(s *schemas, r route) form {
	op := form{
		"operationId": operationID(r), "summary": r.doc, "tags": []string{tag(r.path)},
		"parameters": parameters(r), "responses": responses(s, r), "security": security(r), "x-permission": r.needs.name(),
	}
	switch {
	case r.in != nil:
		op["requestBody"] = form{"content": form{"application/json": form{"schema": s.of(r.in)}}}
	case r.body != "":
		op["requestBody"] = form{"content": form{r.body: form{"schema": form{}}}}
	}
	return op
}

// operationID is the method and the words of the path: getApiV1WorkflowsById.
func operationID(r route) string {
	var b strings.Builder
	b.WriteString(strings.ToLower(r.method))
	for part := range strings.FieldsFuncSeq(r.path, func(c rune) bool { return strings.ContainsRune("/-_.", c) }) {
		if inner, ok := strings.CutPrefix(part, "{"); ok {
			part = "by" + strings.ToUpper(inner[:1]) + strings.TrimSuffix(inner[1:], "}")
		}
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}

// tag is what a path is about.
func tag(path string) string {
	parts := strings.Split(strings.TrimPrefix(strings.TrimPrefix(path, "/api/v1"), "/api/v2"), "/")
	switch {
	case strings.HasPrefix(path, "/api/v1/"):
		return parts[1]
	case strings.HasPrefix(path, "/api/v2/"):
		return "Alertmanager"
	case slices.Contains([]string{"healthz", "readyz", "-", "metrics", "heartbeat"}, parts[1]):
		return "operation"
	}
	return "Keep"
}

func parameters(r route) []form {
	list := []form{}
	for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(r.path, -1) {
		list = append(list, form{"name": m[1], "in": "path", "required": true, "schema": form{"type": "string"}})
	}
	for _, p := range r.query {
		list = append(list, form{"name": p.name, "in": "query", "description": p.doc, "schema": form{"type": p.kind}})
	}
	return list
}

func responses(s *schemas, r route) form {
	good := form{"description": "done", "content": form{}}
	switch {
	case r.media != "":
		good["content"] = form{r.media: form{"schema": form{"type": "string"}}}
	case r.out != nil:
		good["content"] = form{"application/json": form{"schema": s.of(r.out)}}
	}
	list := form{"default": form{
		"description": "why it was not done",
		"content":     form{"application/json": form{"schema": form{"$ref": "#/components/schemas/Failure"}}},
	}}
	if r.refusal != 0 {
		list[strconv.Itoa(r.refusal)] = form{
			"description": http.StatusText(r.refusal),
			"content":     form{"application/json": form{"schema": s.of(reflect.TypeFor[fieldFailure]())}},
		}
	}
	for _, status := range append([]int{max(r.status, http.StatusOK)}, r.also...) {
		one := maps.Clone(good)
		one["description"] = http.StatusText(status)
		list[strconv.Itoa(status)] = one
	}
	return list
}

func security(r route) []form {
	if r.needs == public {
		return []form{}
	}
	list := []form{{"key": []string{}}, {"bearer": []string{}}, {"basic": []string{}}}
	if r.url {
		list = append(list, form{"url": []string{}})
	}
	return list
}

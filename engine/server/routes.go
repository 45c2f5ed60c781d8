package server

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
)

// A route is a row of the table: what is asked for, who may, what answers it, and what
// the documentation says of that.
type route struct {
	method  string
	path    string // a pattern of net/http without the method
	needs   permission
	doc     string
	query   []param
	body    string       // media type of what is sent: "" nothing, "*/*" many
	in      reflect.Type // of a JSON body
	out     reflect.Type // of a JSON answer
	media   string       // of the answer; "": JSON
	status  int          // of a good answer; 0: 200
	refusal int          // a status whose answer says what is wrong with each parameter; 0: none
	also    []int        // other good or expected ones, with an answer of the same form
	first   bool         // it is looked for before the others, whose patterns overlap with its
	changes bool         // a GET that changes something
	url     bool         // the key may be in the URL (?api_key=), for senders that cannot do otherwise
	signed  bool         // instead of with a key, deliveries may come with a signature
	serve   func(*call) (any, error)
}

// A param is a parameter of the query.
type param struct {
	name, kind string // kind: string, integer, boolean
	doc        string
}

// get is a route that only answers.
func get[Out any](path string, needs permission, doc string, f func(*call) (Out, error)) route {
	return route{
		method: "GET", path: path, needs: needs, doc: doc, out: reflect.TypeFor[Out](),
		serve: func(c *call) (any, error) { return f(c) },
	}
}

// send is a route that takes JSON, which may be left out where all of it is optional.
func send[In, Out any](method, path string, needs permission, doc string, f func(*call, In) (Out, error)) route {
	return route{
		method: method, path: path, needs: needs, doc: doc, body: "application/json",
		in: reflect.TypeFor[In](), out: reflect.TypeFor[Out](),
		serve: func(c *call) (any, error) {
			var in In
			if err := c.decode(&in); err != nil {
				return nil, err
			}
			return f(c, in)
		},
	}
}

// take is a route that reads its body itself.
func take[Out any](method, path string, needs permission, doc string, f func(*call) (Out, error)) route {
	r := get(path, needs, doc, f)
	r.method, r.body = method, "*/*"
	return r
}

// giving says what a route answers that does not always answer the same way.
func giving[Out any](r route) route { r.out = reflect.TypeFor[Out](); return r }

func (r route) by(method string) route   { r.method = method; return r }
func (r route) answers(status int) route { r.status = status; return r }
func (r route) or(status ...int) route   { r.also = status; return r }
func (r route) refuses(status int) route { r.refusal = status; return r }
func (r route) takes(params ...param) route {
	r.query = append(slices.Clip(r.query), params...)
	return r
}
func (r route) sends(media string) route { r.media = media; return r }
func (r route) reads(media string) route { r.body = media; return r }
func (r route) before() route            { r.first = true; return r }
func (r route) changing() route          { r.changes = true; return r }
func (r route) keyInURL() route          { r.url = true; return r }
func (r route) orSigned() route          { r.signed = true; return r }
func (r route) mutates() bool            { return r.method != "GET" || r.changes }
func (r route) pattern() string          { return r.method + " " + r.path }
func text(name, doc string) param        { return param{name, "string", doc} }
func number(name, doc string) param      { return param{name, "integer", doc} }
func pages() []param {
	return []param{number("limit", "At most so many."), number("offset", "Without so many before.")}
}
func (r route) takesPages(more ...param) route { return r.takes(append(more, pages()...)...) }

// routes is the table.
func routes() []route {
	return slices.Concat(
		operationRoutes(), statusRoutes(), keyRoutes(), auditRoutes(),
		workflowRoutes(), runRoutes(), replayRoutes(), alertRoutes(), deliveryRoutes(),
		ingestRoutes(), heartbeatRoutes(),
		keepWorkflowRoutes(), templateRoutes(), facetRoutes(), keepRunRoutes(), keepAlertRoutes(), keepIncidentRoutes(), keepSecretRoutes(), keepActionRoutes(),
		keepExtractionRoutes(), keepMappingRoutes(), keepProviderRoutes(), keepOtherRoutes(),
	)
}

// route makes the handler of the table. A path of which the patterns overlap in a way
// that net/http does not accept is looked for in the first of two muxes.
func (s *Server) route(table []route) http.Handler {
	first, rest := http.NewServeMux(), http.NewServeMux()
	for _, r := range table {
		mux := rest
		if r.first {
			mux = first
		}
		mux.Handle(r.pattern(), s.handle(&r))
	}
	return s.outer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !plain(r.URL.EscapedPath()) {
			writeProblem(w, r, refuse(http.StatusNotFound, "Not Found"))
			return
		}
		for _, mux := range []*http.ServeMux{first, rest} {
			if _, pattern := mux.Handler(r); pattern != "" {
				mux.ServeHTTP(w, r) // what Handler returns would not know the values of the path
				return
			}
		}
		refuseUnknown(w, r, first, rest)
	}))
}

// refuseUnknown answers what no row is about: 405 where the path is there for others.
func refuseUnknown(w http.ResponseWriter, r *http.Request, muxes ...*http.ServeMux) {
	var allowed []string
	for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
		other := *r
		other.Method = method
		for _, mux := range muxes {
			if _, pattern := mux.Handler(&other); pattern != "" && !slices.Contains(allowed, method) {
				allowed = append(allowed, method)
			}
		}
	}
	if len(allowed) == 0 {
		writeProblem(w, r, refuse(http.StatusNotFound, "Not Found"))
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	writeProblem(w, r, refuse(http.StatusMethodNotAllowed, "Method Not Allowed"))
}

// plain says that a path leads straight to where it says: what would have to be cleaned
// first leads nowhere, so that nobody can dress up a path as another.
func plain(path string) bool {
	if path == "" || path[0] != '/' {
		return false
	}
	for part := range strings.SplitSeq(path[1:], "/") {
		undone := strings.ReplaceAll(strings.ToLower(part), "%2e", ".")
		if (part == "" && path != "/") || undone == "." || undone == ".." || strings.Contains(part, "%00") {
			return false
		}
	}
	return true
}

package slack

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// An exchange is one request and its answer. It is the HTTP client that slack-go is
// given, so that answers are limited, are still there to be quoted when the library
// makes an error without them, and addresses, which are secrets, do not get into
// errors.
type exchange struct {
	http   *http.Client
	host   string
	status int
	header http.Header
	body   []byte
}

func (c *client) exchange() *exchange { return &exchange{http: c.http} }

// maxAnswer is the most that is read of an answer; Slack's are some hundred bytes.
const maxAnswer = 1 << 20

// Do sends the request and reads the answer.
func (x *exchange) Do(req *http.Request) (*http.Response, error) {
	x.host = req.URL.Host
	resp, err := x.http.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer resp.Body.Close()
	x.body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, withoutURL(err)
	}
	if len(x.body) > maxAnswer {
		return nil, fmt.Errorf("the answer is longer than %d bytes: is this Slack?", maxAnswer)
	}
	x.status, x.header = resp.StatusCode, resp.Header
	resp.Body = io.NopCloser(bytes.NewReader(withoutMessage(x.body)))
	return resp, nil
}

// withoutMessage takes the message off an answer: Slack sends back what was posted,
// and a block that slack-go cannot read there would make an error of a message that
// was posted, and have it posted again.
func withoutMessage(body []byte) []byte {
	var answer map[string]json.RawMessage
	if json.Unmarshal(body, &answer) != nil {
		return body
	}
	delete(answer, "message")
	short, err := json.Marshal(answer)
	if err != nil {
		return body
	}
	return short
}

// withoutURL takes the address off an error of net/http: a webhook's is a secret.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

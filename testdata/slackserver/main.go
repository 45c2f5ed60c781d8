// Slackserver answers like Slack's incoming webhooks on a loopback port, which it prints
// first, and prints the text of every message it takes.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"tocsin/providers/slack/webhooktest"
)

func main() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_, port, _ := strings.Cut(l.Addr().String(), ":")
	fmt.Println(port)
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: webhooktest.New(webhooktest.Options{
		Sent: func(m webhooktest.Message) { fmt.Println(m.Text) },
	})}
	fmt.Fprintln(os.Stderr, server.Serve(l))
	os.Exit(1)
}

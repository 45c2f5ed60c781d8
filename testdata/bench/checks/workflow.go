package main

import "fmt"

// checkOf is a workflow that checks an endpoint: connect, echo, close, and an assertion
// on what came of it. Triggers are as they are written in YAML.
func checkOf(name, triggers, url string) string {
	return fmt.Sprintf(`alert:
  id: %s
  triggers: [%s]
  steps:
    - name: ws
      provider: {type: websocket, with: {socket_url: %q, data: ping, timeout: 10}}
  actions:
    - name: tell
      condition:
        - {name: up, type: assert, assert: "{{ steps.ws.results.connection }} == true"}
      provider: {type: slack, config: "{{ providers.slack-demo }}", with: {message: "%[1]s is down"}}
`, name, triggers, url)
}

// checksOf are n of them.
func checksOf(n int, triggers, url string) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = checkOf(fmt.Sprintf("w%05d", i), triggers, url)
	}
	return list
}

// every is a trigger of the clock.
func every(period string) string { return fmt.Sprintf("{type: interval, every: %s}", period) }

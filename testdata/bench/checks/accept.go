package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// accept is how many alerts a second are taken on, each on disk before it is answered;
// and when people are told of those that come in, a hundred a second.
func (b *bench) accept() (err error) {
	s, err := b.site("accept", tellOf("page", "page"))
	if err != nil {
		return err
	}
	if _, err := b.serve(s); err != nil {
		return err
	}
	defer b.ends(s, &err)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: 30 * time.Second}
	var rates []float64
	for turn := range b.turns {
		rate, err := flood(client, s.url, turn, b.time)
		if err != nil {
			return err
		}
		fmt.Printf("%5.0f alerts a second\n", rate)
		rates = append(rates, rate)
	}
	b.add(figure{Key: "serve.accept.rate", What: "alerts a second, each on disk", Value: middle(rates), Unit: "/s", Goal: 2000, AtLeast: true})
	ms, err := b.told(client, s.url)
	if err != nil {
		return err
	}
	b.add(figure{Key: "serve.accept.told", What: "from accepted to Slack, at 100 a second, p99", Value: at(ms, 0.99), Unit: "ms", Goal: 1000})
	return nil
}

// tellOf is a workflow that tells Slack of alerts of that name.
func tellOf(id, name string) string {
	return fmt.Sprintf(`workflow:
  id: %s
  triggers:
    - {type: alert, cel: "name == '%s'"}
  actions:
    - name: tell
      provider: {type: slack, config: "{{ providers.slack-demo }}", with: {message: "{{ alert.id }} came in"}}
`, id, name)
}

// flood brings alerts by 64 connections, one in each request.
func flood(client *http.Client, url string, turn int, limit time.Duration) (float64, error) {
	var all sync.WaitGroup
	var count atomic.Int64
	errs := make(chan error, 64)
	begin := time.Now()
	for c := range 64 {
		all.Go(func() {
			for i := 0; time.Since(begin) < limit; i++ {
				if err := bring(client, url, "flood", fmt.Sprintf("f%d-%d-%d", turn, c, i)); err != nil {
					errs <- err
					return
				}
				count.Add(1)
			}
		})
	}
	all.Wait()
	close(errs)
	return float64(count.Load()) / time.Since(begin).Seconds(), <-errs
}

// bring brings one alert, and returns when it was accepted.
func bring(client *http.Client, url, name, id string) error {
	body := fmt.Sprintf(`{"id": %q, "name": %q, "fingerprint": %[1]q, "severity": "critical", "message": "Disk is at 95 %%", "labels": {"host": "db-1"}}`, id, name)
	answer, err := client.Post(url+"/alerts/event", "application/json", bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode/100 != 2 {
		err = fmt.Errorf("an alert was not accepted: %s: %s", answer.Status, text)
	}
	return err
}

// told is for each of some alerts how many ms after it was accepted Slack heard of it.
func (b *bench) told(client *http.Client, url string) ([]float64, error) {
	const second = 100
	accepted := map[string]time.Time{}
	var mu sync.Mutex
	var all sync.WaitGroup
	if _, err := askFor[map[string]int64](b.server, "got"); err != nil {
		return nil, err
	}
	n := int(b.time.Seconds() * second)
	errs := make(chan error, n)
	begin := time.Now()
	for i := range n {
		time.Sleep(time.Until(begin.Add(time.Duration(i) * time.Second / second)))
		all.Go(func() {
			id := fmt.Sprintf("page-%d", i)
			err := bring(client, url, "page", id)
			mu.Lock()
			defer mu.Unlock()
			if accepted[id] = time.Now(); err != nil {
				errs <- err
			}
		})
	}
	all.Wait()
	close(errs)
	if err := <-errs; err != nil {
		return nil, err
	}
	time.Sleep(3 * time.Second)
	got, err := askFor[map[string]int64](b.server, "got")
	var ms []float64
	for id, at := range accepted {
		if got[id] == 0 {
			return nil, fmt.Errorf("nobody was told of %s within 3 s", id)
		}
		ms = append(ms, float64(got[id]-at.UnixNano())/1e6)
	}
	return ms, err
}

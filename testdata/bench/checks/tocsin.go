package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"tocsin/engine/store"
)

// build makes the program, as it is released.
func (b *bench) build() error {
	if b.program != "" {
		return nil
	}
	b.program = filepath.Join(b.dir, "tocsin")
	c := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", b.program, "./cmd/tocsin")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	return nil
}

// A site is a folder of workflows with a "tocsin serve" that runs them.
type site struct {
	dir string
	cmd *exec.Cmd
	url string // of its API
	pid string
}

// site writes workflows into a folder of that name; nothing runs them yet.
func (b *bench) site(name string, workflows ...string) (*site, error) {
	s := &site{dir: filepath.Join(b.dir, name)}
	if err := os.RemoveAll(s.dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(s.dir, "workflows"), 0o755); err != nil {
		return nil, err
	}
	for i, text := range workflows {
		if err := os.WriteFile(filepath.Join(s.dir, "workflows", fmt.Sprintf("w%05d.yaml", i)), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	slack := fmt.Sprintf("slack-demo:\n  authentication:\n    webhook_url: %q\n", b.address.Slack)
	return s, os.WriteFile(filepath.Join(s.dir, "workflows", "providers.yaml"), []byte(slack), 0o600)
}

func (s *site) store() string { return filepath.Join(s.dir, "data", "tocsin.db") }

// serve starts the program, and returns when it is ready and how long that took.
func (b *bench) serve(s *site) (took time.Duration, err error) {
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return 0, err
	}
	defer log.Close()
	port, err := freePort()
	if err != nil {
		return 0, err
	}
	s.url = "http://127.0.0.1:" + port
	s.cmd = exec.Command(b.program, "serve", "workflows", "--store", s.store(), "--listen", "127.0.0.1:"+port)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = s.dir, log, log
	begun := time.Now()
	if err := s.cmd.Start(); err != nil {
		return 0, err
	}
	s.pid = strconv.Itoa(s.cmd.Process.Pid)
	for time.Since(begun) < time.Minute {
		answer, err := http.Get(s.url + "/readyz")
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return time.Since(begun), nil
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	return 0, errors.Join(fmt.Errorf("tocsin serve is not ready after a minute: see %s", log.Name()), s.stop())
}

// stop has the program end as it does when the system is shut down.
func (s *site) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := s.cmd.Wait(); err != nil {
		text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		return fmt.Errorf("tocsin serve: %w\n%s", err, text[max(0, len(text)-2000):])
	}
	return nil
}

// ends stops s, unless something went wrong already, in which case that is what is said.
func (b *bench) ends(s *site, err *error) {
	if stopped := s.stop(); *err == nil {
		*err = stopped
	}
}

// runs are all that began between two times, as the store has them.
func (s *site) runs(from, to time.Time) ([]store.Run, error) {
	st, err := store.Open(context.Background(), store.Options{Path: s.store()})
	if err != nil {
		return nil, err
	}
	defer st.Close()
	var all []store.Run
	for {
		list, _, err := st.Runs(context.Background(), store.RunFilter{Since: from, Until: to, Limit: 1000, Offset: len(all)})
		all = append(all, list...)
		if err != nil || len(list) < 1000 {
			return all, err
		}
	}
}

// metric is one of /metrics; those with several labels are added up.
func (s *site) metric(name string) (sum float64, err error) {
	text, err := fetch(s.url + "/metrics")
	if err != nil {
		return 0, err
	}
	for _, m := range regexp.MustCompile(`(?m)^`+name+`(?:\{[^}]*\})? (\S+)$`).FindAllStringSubmatch(text, -1) {
		v, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			return 0, err
		}
		sum += v
	}
	return sum, nil
}

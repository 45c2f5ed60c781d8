package report_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"
)

// A lockedBuffer is a screen that can be read while it is drawn on.
type lockedBuffer struct {
	mu      sync.Mutex
	b       bytes.Buffer
	written chan struct{}
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.written != nil {
		close(l.written)
		l.written = nil
	}
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// wait returns once text was drawn.
func (l *lockedBuffer) wait(t *testing.T, text string) {
	t.Helper()
	for {
		l.mu.Lock()
		if strings.Contains(l.b.String(), text) {
			l.mu.Unlock()
			return
		}
		next := make(chan struct{})
		l.written = next
		l.mu.Unlock()
		select {
		case <-next:
		case <-t.Context().Done():
			t.Fatalf("%q was not drawn", text)
		}
	}
}

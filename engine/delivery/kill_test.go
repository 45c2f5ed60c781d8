package delivery

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/engine/store"
)

// What a child is told: where its store is, whom to tell, from which number on, and
// whether to say more than is left.
const (
	childEnv = "TOCSIN_DELIVERY_CHILD"
	urlEnv   = "TOCSIN_DELIVERY_URL"
	fromEnv  = "TOCSIN_DELIVERY_FROM"
)

// tellers is how many runs of a child tell at the same time.
const tellers = 4

// child tells one thing after the other until it is killed, and says on standard output
// what was accepted. From "" it sends what is left, and ends.
func child(dir string) {
	l := laneAt(context.Background(), dir, map[string]string{"ops": os.Getenv(urlEnv)})
	l.Deaths, l.Digest = 1_000_000, -1 // here processes die for other reasons
	if os.Getenv("TOCSIN_DELIVERY_POISON") != "" {
		l.Deaths = 0
	}
	var say sync.Mutex
	print := func(format string, args ...any) {
		say.Lock()
		defer say.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	if err := l.ready(context.Background()); err != nil {
		print("error %v", err)
		os.Exit(1)
	}
	print("interrupted %d", len(l.deadly))
	from, err := strconv.Atoi(os.Getenv(fromEnv))
	for n := range tellers {
		if err != nil {
			break
		}
		go func() {
			for i := from + n; ; i += tellers {
				r, err := tell(context.Background(), l, message(number(i), "ops"))
				if err != nil {
					print("error %v", err)
					return
				}
				print("accepted %s %v", number(i), r.Confirmed)
			}
		}()
	}
	go func() { _ = l.Run(context.Background()) }()
	for err != nil {
		if over, oerr := atRest(l); over || oerr != nil {
			print("done %v", oerr)
			os.Exit(0)
		}
		time.Sleep(5 * time.Millisecond)
	}
	select {}
}

// A killing is the history of children that were killed.
type killing struct {
	t           *testing.T
	dir, url    string
	accepted    map[string]bool
	interrupted int
	next        int
	mu          sync.Mutex
	child       *exec.Cmd
}

// kill kills the child that runs.
func (k *killing) kill() {
	k.mu.Lock()
	defer k.mu.Unlock()
	_ = k.child.Process.Kill()
}

// life starts a child and kills it some time after its first message was accepted; with
// after < 0 it is left to end by itself.
func (k *killing) life(after time.Duration, from string, env ...string) {
	k.t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^$")
	c.Env = append(append(os.Environ(), childEnv+"="+k.dir, urlEnv+"="+k.url, fromEnv+"="+from), env...)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		k.t.Fatal(err)
	}
	k.mu.Lock()
	k.child = c
	err = c.Start()
	k.mu.Unlock()
	if err != nil {
		k.t.Fatal(err)
	}
	guard := time.AfterFunc(2*time.Minute, func() { _ = c.Process.Kill() })
	defer guard.Stop()
	armed := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		what, rest, _ := strings.Cut(lines.Text(), " ")
		switch what {
		case "interrupted":
			n, _ := strconv.Atoi(rest)
			k.interrupted += n
		case "accepted":
			key, _, _ := strings.Cut(rest, " ")
			k.accepted[key] = true
			n, _ := strconv.Atoi(key[1:])
			k.next = max(k.next, n+1)
			if !armed && after >= 0 {
				armed = true
				time.AfterFunc(after, func() { _ = c.Process.Kill() })
			}
		case "error":
			k.t.Errorf("a child: %s", rest)
			_ = c.Process.Kill()
		}
	}
	_ = c.Wait()
	k.next += tellers // what was under way may have been kept without being said
}

// D1: processes are killed at any moment, before and after a message was sent and marked.
// Nothing that was accepted is lost, and no more arrives twice than was in flight.
func TestNothingIsLostWhenProcessesAreKilled(t *testing.T) {
	kills := 50
	if os.Getenv("TOCSIN_DEEP") == "1" {
		kills = 1000
	}
	if testing.Short() || racing {
		kills = 5
	}
	l := newLedger(t)
	l.answers(func(n int, _ string) (int, string) {
		if n%10 == 3 {
			return 503, ""
		}
		return 200, ""
	})
	k := &killing{t: t, dir: t.TempDir(), url: l.URL, accepted: map[string]bool{}}
	for range kills {
		k.life(time.Duration(rand.IntN(40_000))*time.Microsecond, strconv.Itoa(k.next))
	}
	l.answers(nil)
	k.life(-1, "")
	b := benchAt(t, k.dir, map[string]string{"ops": l.URL})
	list, counts := b.all()
	b.balanced(len(list), l)
	arrived, twice := map[string]bool{}, 0
	for _, text := range l.texts() {
		if arrived[text] {
			twice++
		}
		arrived[text] = true
	}
	lost := 0
	for key := range k.accepted {
		if !arrived[key] {
			lost++
			t.Errorf("%s was accepted and did not arrive", key)
		}
	}
	t.Logf("%d kills, %d accepted, %d known, %d lost, %d twice, %d in flight at kills: %v",
		kills, len(k.accepted), len(list), lost, twice, k.interrupted, counts)
	if twice > k.interrupted {
		t.Errorf("%d arrived twice; %d were in flight", twice, k.interrupted)
	}
	if len(k.accepted) < kills || k.interrupted == 0 {
		t.Errorf("the kills hit nothing: %d accepted, %d interrupted", len(k.accepted), k.interrupted)
	}
}

// D5: a message kills whoever sends it. At the second death it is given up, what was in
// flight beside it is not, and everything goes on.
func TestAMessageKillsTheProcess(t *testing.T) {
	l := newLedger(t)
	k := &killing{t: t, dir: t.TempDir(), url: l.URL, accepted: map[string]bool{}}
	deadly := number(2 * tellers) // behind two others of the same run
	l.answers(func(_ int, text string) (int, string) {
		if text == deadly {
			k.kill()
			time.Sleep(100 * time.Millisecond) // the reply comes after death
			return -1, ""
		}
		return 200, ""
	})
	const poison = "TOCSIN_DELIVERY_POISON=1"
	k.life(-1, "0", poison)
	for range 2 {
		k.life(-1, "", poison)
	}
	b := benchAt(t, k.dir, map[string]string{"ops": l.URL})
	list, counts := b.all()
	if d := b.row(deadly); d.State != store.Dead || d.Deaths != 2 || d.Attempts != 2 || d.Reason != "the process died 2 times while it was being sent" {
		t.Errorf("%+v", d)
	}
	if counts[store.Dead] != 1 || counts[store.Confirmed] != len(list)-1 || len(list) < 3 {
		t.Errorf("%v", counts)
	}
}

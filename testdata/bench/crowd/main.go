// Crowd measures what many subscriptions cost that stay open: the memory of each, beside
// that of a connection of the bare library, and how they come back when their server
// drops them all at once. Clients and servers are processes of their own, each with an
// address of its own on the loopback network, since one address has some 28,000 ports.
//
//	go run ./testdata/bench/crowd              # 100, 1,000 and 10,000
//	go run ./testdata/bench/crowd -n 100,2000
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Goals, as README says them.
const (
	goalMemory    = 24.0 // KiB of each of the largest crowd
	goalReconnect = 30 * time.Second
)

func main() {
	sizes := flag.String("n", "100,1000,10000", "sizes of the crowd")
	back := flag.Bool("back", true, "measure how they come back, too")
	role := flag.String("role", "", "server, tocsin or library: what this process is for another of it")
	address := flag.String("address", "", "of the server")
	flag.Parse()
	var err error
	switch *role {
	case "":
		err = measure(*sizes, *back)
	case "server":
		err = serve(*address, os.Stdin, os.Stdout)
	default:
		err = crowd(*role, *address, flag.Arg(0), os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "crowd:", err)
		os.Exit(1)
	}
}

func measure(sizes string, back bool) error {
	var all []int
	for text := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return fmt.Errorf("-n %s: it has to be numbers, such as 100,1000", sizes)
		}
		all = append(all, affordable(n))
	}
	fmt.Printf("%-12s %28s %28s\n", "", "tocsin: KiB for each", "library: KiB for each")
	fmt.Printf("%-12s %14s %13s %14s %13s\n", "connections", "as it is", "collected", "as it is", "collected")
	host := 1
	for _, n := range all {
		fmt.Printf("%-12d", n)
		for _, role := range []string{"tocsin", "library"} {
			host++
			m, err := weigh(role, host, n)
			if err != nil {
				return err
			}
			fmt.Printf(" %14.1f %13.1f", m[0], m[1])
		}
		fmt.Println()
	}
	fmt.Printf("goal: %.0f KiB for each of the largest crowd\n", goalMemory)
	if !back {
		return nil
	}
	fmt.Println()
	for _, away := range []time.Duration{0, 2 * time.Second} {
		host++
		if err := reconnect(host, all[len(all)-1], away); err != nil {
			return err
		}
	}
	return nil
}

// affordable is n, or as many connections as there may be descriptors for.
func affordable(n int) int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil || limit.Cur > uint64(n)+100 {
		return n
	}
	fewer := int(limit.Cur) - 100
	fmt.Printf("%d connections, not %d: no more files may be open (ulimit -n)\n", fewer, n)
	return fewer
}

// A process is one of ours, told what to do line by line.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func start(args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := exec.Command(self, args...)
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &process{c, in, bufio.NewScanner(out)}, c.Start()
}

// ask tells the process something, unless it is "", and returns what it says.
func (p *process) ask(line string) (string, error) {
	if line != "" {
		if _, err := fmt.Fprintln(p.in, line); err != nil {
			return "", err
		}
	}
	if !p.out.Scan() {
		return "", errors.Join(p.out.Err(), io.ErrUnexpectedEOF)
	}
	return p.out.Text(), nil
}

// end lets the process end, which it does when nobody tells it anything any more.
func (p *process) end() {
	p.in.Close()
	_ = p.cmd.Wait()
}

// pair starts a server and a crowd of its clients, and returns when all are connected.
func pair(role string, host, n int) (server, clients *process, err error) {
	if server, err = start("-role", "server", "-address", fmt.Sprintf("127.0.0.%d:0", host)); err != nil {
		return nil, nil, err
	}
	address, err := server.ask("")
	if err == nil {
		clients, err = start("-role", role, "-address", address, strconv.Itoa(n))
	}
	if err == nil {
		_, err = clients.ask("")
	}
	if err != nil {
		server.end()
		return nil, nil, fmt.Errorf("%d clients (%s): %w", n, role, err)
	}
	return server, clients, nil
}

// weigh is how many KiB each of n connections holds resident when all have been idle for
// a while: as it is, and when the process has collected its garbage and given back what
// it does not need.
func weigh(role string, host, n int) (m [2]float64, err error) {
	server, clients, err := pair(role, host, n)
	if err != nil {
		return m, err
	}
	defer server.end()
	defer clients.end()
	text, err := clients.ask("weigh")
	if err == nil {
		_, err = fmt.Sscan(text, &m[0], &m[1])
	}
	return m, err
}

// reconnect drops n subscriptions, has the server away for some time, and shows when
// they came back.
func reconnect(host, n int, away time.Duration) error {
	server, clients, err := pair("tocsin", host, n)
	if err != nil {
		return err
	}
	defer server.end()
	defer clients.end()
	text, err := server.ask(fmt.Sprint("drop ", n, " ", away))
	if err != nil {
		return err
	}
	fmt.Printf("%d subscriptions dropped at once", n)
	if away > 0 {
		fmt.Printf(", the server away for %v", away)
	}
	fmt.Println(": when they were back")
	fmt.Println(strings.ReplaceAll(text, "|", "\n"))
	fmt.Printf("goal: all within %v, not all at once\n\n", goalReconnect)
	return nil
}

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
)

// A process is one of ours, told what to do line by line; it answers each with a line
// of JSON.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
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
	return &process{c, in, bufio.NewReader(out)}, c.Start()
}

// askFor tells p something, and returns what it says.
func askFor[T any](p *process, words ...any) (answer T, err error) {
	if _, err := fmt.Fprintln(p.in, words...); err != nil {
		return answer, err
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return answer, errors.Join(err, errors.New("another process of the bench ended"))
	}
	return answer, json.Unmarshal(line, &answer)
}

// obey answers lines until there are no more.
func obey(in io.Reader, out io.Writer, do func(words string) (any, error)) error {
	for lines := bufio.NewScanner(in); lines.Scan(); {
		answer, err := do(lines.Text())
		if err != nil {
			return fmt.Errorf("%s: %w", lines.Text(), err)
		}
		if err := json.NewEncoder(out).Encode(answer); err != nil {
			return err
		}
	}
	return nil
}

func (p *process) pid() string { return strconv.Itoa(p.cmd.Process.Pid) }

// end lets the process end, which it does when nobody tells it anything any more.
func (p *process) end() {
	p.in.Close()
	_ = p.cmd.Wait()
}

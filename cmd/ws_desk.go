package cmd

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"tocsin/providers"
	"tocsin/templating/value"
)

// A desk is where somebody sits who talks: what they type or pipe becomes frames, and
// what goes over the connection is shown and remembered.
type desk struct {
	*wsCommand
	out       *shower
	mask      func(string) string
	say       chan providers.Frame
	quiet     time.Duration
	kind      string // of messages: text or binary
	empty     bool   // empty lines are messages too
	interrupt context.CancelCauseFunc
	opened    chan struct{} // closed when the connection is open
	over      chan struct{} // closed when the conversation is over

	mu      sync.Mutex
	seen    []providers.Frame // to be saved
	bytes   int               // in them
	restore func()            // the terminal; nil: it is as it was
}

const (
	savedFrames = 500     // a script that is longer is not read by anybody
	savedBytes  = 1 << 20 // of a file that is read again
	longestLine = 64 << 20
)

// prepare begins to wait for something to say.
func (d *desk) prepare(with *value.Map, quiet time.Duration) {
	d.quiet, d.kind = quiet, "text"
	typ, _ := with.Get("message_type")
	text, said := with.Get("use_text_frames")
	if typ == "binary" || said && text != "true" {
		d.kind = "binary"
	}
	empty, _ := with.Get("send_empty")
	d.empty = empty == "true"
	go d.feed()
}

// feed says what there is to say, and closes say where there will be no more.
func (d *desk) feed() {
	select {
	case <-d.opened:
	case <-d.over:
		return
	}
	for _, text := range d.sends {
		if !d.put(d.message([]byte(text))) {
			return
		}
	}
	switch {
	case isTerminal(d.stdin) && isTerminal(d.stdout) && d.form == "frames":
		d.converse()
	case len(d.sends) > 0 && !isTerminal(d.stdin):
		close(d.say)
	default:
		d.pipe()
	}
}

// put hands over a frame, unless nobody takes it any more.
func (d *desk) put(f providers.Frame) bool {
	select {
	case d.say <- f:
		return true
	case <-d.over:
		return false
	}
}

func (d *desk) message(data []byte) providers.Frame {
	return providers.Frame{Kind: d.kind, Data: data}
}

// pipe makes a message of each line of standard input.
func (d *desk) pipe() {
	lines := bufio.NewScanner(d.stdin)
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		if line := lines.Bytes(); len(line) > 0 || d.empty {
			if !d.put(d.message(slices.Clone(line))) {
				return
			}
		}
	}
	if err := lines.Err(); err != nil {
		d.refuse("standard input: " + err.Error())
	}
	close(d.say)
}

// converse reads what is typed, line by line, with what comes shown above the line.
func (d *desk) converse() {
	in, out := d.stdin.(*os.File), d.stdout.(*os.File)
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		d.pipe()
		return
	}
	keys := &keyboard{Reader: in}
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{keys, out}, "> ")
	t.SetBracketedPasteMode(true)
	d.mu.Lock()
	d.out.through(t)
	d.restore = func() {
		d.out.through(out)
		t.SetBracketedPasteMode(false)
		fmt.Fprint(out, "\r\x1b[K") // the line that was being typed
		_ = term.Restore(int(in.Fd()), before)
	}
	d.mu.Unlock()
	d.out.note("type a line to send it; /help lists commands, Ctrl-D closes")
	for {
		if width, height, err := term.GetSize(int(out.Fd())); err == nil && width > 0 {
			_ = t.SetSize(width, height)
		}
		line, err := t.ReadLine()
		if err != nil && !errors.Is(err, term.ErrPasteIndicator) {
			d.leave() // Ctrl-C is a signal again, for who does not want to wait
			if keys.interrupted {
				d.interrupt(interruption{os.Interrupt})
				return
			}
			d.put(providers.Frame{Kind: "close"})
			return
		}
		if f, ok := d.command(line); ok && !d.put(f) {
			return
		}
	}
}

// leave gives the terminal back.
func (d *desk) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.restore != nil {
		d.restore()
		d.restore = nil
	}
}

// A keyboard notes whether somebody wanted to interrupt.
type keyboard struct {
	io.Reader
	interrupted bool
}

func (k *keyboard) Read(p []byte) (int, error) {
	n, err := k.Reader.Read(p)
	if slices.Contains(p[:n], 3) { // Ctrl-C, which sends no signal while lines are edited
		k.interrupted = true
	}
	return n, err
}

const wsHelp = `/ping                  send a ping; its pong shows the round trip
/close [CODE [REASON]] close the connection, with 1000 if no code is given
/binary HEX            send a binary message: /binary 00ff10
/file NAME             send a file as one message: as text if it is UTF-8, else as binary
/help                  this
//TEXT                 send /TEXT, which begins with a slash
Ctrl-D closes with 1000, Ctrl-C too and ends with exit code 130`

// command is the frame that a line stands for; false if it stands for none.
func (d *desk) command(line string) (providers.Frame, bool) {
	rest, is := strings.CutPrefix(line, "/")
	if !is || strings.HasPrefix(rest, "/") {
		if is {
			line = rest
		}
		return d.message([]byte(line)), line != "" || d.empty
	}
	name, arg, _ := strings.Cut(rest, " ")
	arg = strings.TrimSpace(arg)
	f, err := providers.Frame{}, error(nil)
	switch name {
	case "ping":
		f.Kind = "ping"
	case "close", "quit", "exit":
		f, err = closeFrame(arg)
	case "binary":
		f.Kind = "binary"
		if f.Data, err = hex.DecodeString(strings.ReplaceAll(arg, " ", "")); err != nil {
			err = errors.New("/binary takes bytes as hexadecimal digits: /binary 00ff10")
		}
	case "file":
		f, err = d.file(arg)
	case "help", "?":
		for text := range strings.SplitSeq(wsHelp, "\n") {
			d.out.note(text)
		}
		return f, false
	default:
		err = fmt.Errorf("no command /%s: /help lists them, and a line that begins with // is sent with one slash", clean(name))
	}
	if err != nil {
		d.refuse(err.Error())
	}
	return f, err == nil
}

// closeFrame reads CODE [REASON].
func closeFrame(text string) (providers.Frame, error) {
	f := providers.Frame{Kind: "close"}
	if text == "" {
		return f, nil
	}
	code, reason, _ := strings.Cut(text, " ")
	n, err := strconv.Atoi(code)
	if err != nil || n < 1000 || n > 4999 {
		return f, fmt.Errorf("a close code is a number from 1000 to 4999, and the reason stands behind it: 1000 bye")
	}
	f.Code, f.Reason = n, strings.TrimSpace(reason)
	return f, nil
}

// file is a message with what is in a file.
func (d *desk) file(name string) (providers.Frame, error) {
	f, err := os.Open(name)
	if err != nil {
		return providers.Frame{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, longestLine+1))
	switch {
	case err != nil:
		return providers.Frame{}, err
	case len(data) > longestLine:
		return providers.Frame{}, fmt.Errorf("%s has more than %d MiB", name, longestLine>>20)
	case utf8.Valid(data):
		return d.message(data), nil
	}
	return providers.Frame{Kind: "binary", Data: data}, nil
}

// see shows a frame, and remembers it where it is to be saved.
func (d *desk) see(f providers.Frame) {
	if d.save != "" && f.Kind != "open" && len(d.seen) < savedFrames && d.bytes+len(f.Data) < savedBytes {
		d.seen, d.bytes = append(d.seen, f), d.bytes+len(f.Data)
	}
	d.out.show(f)
	if f.Kind == "open" {
		close(d.opened)
	}
}

// refuse says what was not done.
func (d *desk) refuse(problem string) { d.out.problem(d.stderr, problem) }

// end says how it went.
func (d *desk) end(ctx context.Context, with *value.Map, result any) error {
	d.out.end(result)
	if d.timing {
		to := d.stdout
		if d.form != "frames" {
			to = d.stderr
		}
		waterfall(to, result, d.out.style)
	}
	failed := d.reason(ctx, result)
	if d.save != "" {
		if err := d.saved(with, result); err != nil {
			return err
		}
	}
	return failed
}

package websocket

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// A material is a text that stands in the parameters, or in a file that they name. The
// file is read for each connection, so that a renewed one counts without a restart.
type material struct {
	name     string // of the parameter
	text     string
	fileName string // of the parameter that names a file
	file     string
}

// materialOf is what was given under either name; both is a mistake.
func materialOf(name, text, fileName, file string) (material, error) {
	if text != "" && file != "" {
		return material{}, invalid("only one of %s and %s may be given", name, fileName)
	}
	return material{name, text, fileName, file}, nil
}

func (m material) missing() bool { return m.text == "" && m.file == "" }

// title is the parameter that was used.
func (m material) title() string {
	if m.file != "" {
		return m.fileName
	}
	return m.name
}

// read is the text; an empty one is a mistake where it comes from a file.
func (m material) read() ([]byte, error) {
	if m.file == "" {
		return []byte(m.text), nil
	}
	text, err := readRegular(m.file)
	if err != nil {
		return nil, invalid("%s: %v", m.fileName, err)
	}
	if len(text) == 0 {
		return nil, invalid("%s: %s is empty", m.fileName, m.file)
	}
	return text, nil
}

// line is the text without the line break that editors leave at the end of a file.
func (m material) line() (string, error) {
	text, err := m.read()
	if err != nil || m.file == "" {
		return string(text), err
	}
	line := strings.TrimRight(string(text), "\r\n")
	if control(line) {
		return "", invalid("%s: %s has more than one line, or a control character", m.fileName, m.file)
	}
	return line, nil
}

// maxFile is how large a file of certificates may be; the system's own bundle is a
// quarter of a megabyte.
const maxFile = 1 << 20

// readRegular reads a file, but no device or pipe, which might never end.
func readRegular(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, plainly(name, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", name)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, maxFile)
	}
	text, err := os.ReadFile(name)
	return text, plainly(name, err)
}

// plainly is err without the name of the system call.
func plainly(name string, err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", name, path.Err)
	}
	return err
}

// control says that text has a character in it that ends lines or worse.
func control(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7F }) >= 0
}

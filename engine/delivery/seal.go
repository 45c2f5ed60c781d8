package delivery

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A Key seals what messages say, since that may have secrets: a copy of the store is of
// no use without it.
type Key struct{ aead cipher.AEAD }

// keySize is that of AES-256.
const keySize = 32

// OpenKey reads the key in a file, or makes both. A file that others may read is
// refused. It belongs beside the store, not into its backups.
func OpenKey(path string) (*Key, error) {
	text, err := readKey(path)
	if errors.Is(err, os.ErrNotExist) {
		if err := writeKey(path); err != nil {
			return nil, fmt.Errorf("key of the messages: %w", err)
		}
		text, err = readKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("key of the messages: %w", err)
	}
	secret, err := hex.DecodeString(strings.TrimSpace(text))
	if err != nil || len(secret) != keySize {
		return nil, fmt.Errorf("key of the messages: %s has no key of %d bytes in hexadecimal digits\nhint: put back the one that was there: without it what waits cannot be sent", path, keySize)
	}
	return NewKey(secret)
}

// NewKey is the key of 32 bytes.
func NewKey(secret []byte) (*Key, error) {
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &Key{aead}, err
}

func readKey(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		return "", fmt.Errorf("%s can be read by others (%v)\nhint: chmod 600 %[1]s", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	return string(text), err
}

// writeKey makes a key under another name first, so that there is a whole one or none.
func writeKey(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	secret := make([]byte, keySize)
	_, _ = rand.Read(secret) // it never fails
	_, err = f.WriteString(hex.EncodeToString(secret) + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// seal encrypts text; about is what it belongs to, and must be the same to open it.
func (k *Key) seal(text []byte, about string) []byte {
	nonce := make([]byte, k.aead.NonceSize())
	_, _ = rand.Read(nonce)
	return k.aead.Seal(nonce, nonce, text, []byte(about))
}

// Seal encrypts text that somebody else keeps, such as the secrets of workflows; about is
// what it belongs to, and must be the same to open it.
func (k *Key) Seal(text []byte, about string) []byte { return k.seal(text, "kept: "+about) }

// Open reads what Seal made. The error says that it was another key, or is about something
// else.
func (k *Key) Open(sealed []byte, about string) ([]byte, error) {
	return k.open(sealed, "kept: "+about)
}

var errSealed = errors.New("what it says cannot be read: it was sealed with another key")

func (k *Key) open(sealed []byte, about string) ([]byte, error) {
	n := k.aead.NonceSize()
	if len(sealed) < n {
		return nil, errSealed
	}
	text, err := k.aead.Open(nil, sealed[:n], sealed[n:], []byte(about))
	if err != nil {
		return nil, errSealed
	}
	return text, nil
}

package websocket

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const keyPassword = "s3cret"

// TestKeys reads every kind of key that testdata/keys/make makes: the matrix of
// spec/websocket.md §11.
func TestKeys(t *testing.T) { checkKeys(t, filepath.Join("testdata", "keys")) }

// TestKeysOfThisOpenSSL makes the keys anew with the openssl that is installed.
func TestKeysOfThisOpenSSL(t *testing.T) {
	if testing.Short() {
		t.Skip("openssl takes a while")
	}
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed; TestKeys has keys that it made")
	}
	dir := t.TempDir()
	if out, err := exec.Command("bash", filepath.Join("testdata", "keys", "make"), dir).CombinedOutput(); err != nil {
		if version, _ := exec.Command("openssl", "version").Output(); !bytes.HasPrefix(version, []byte("OpenSSL 3")) {
			t.Skipf("%s is not openssl 3", version)
		}
		t.Fatalf("%v\n%s", err, out)
	}
	checkKeys(t, dir)
}

// checkKeys reads the keys in dir: all of one algorithm are the same key.
func checkKeys(t *testing.T, dir string) {
	files, err := filepath.Glob(filepath.Join(dir, "*-*-*.pem"))
	if err != nil || len(files) < 30 {
		t.Fatalf("only %d keys, %v", len(files), err)
	}
	plain := map[string]crypto.Signer{}
	for _, name := range []string{"rsa-pkcs1", "rsa-pkcs8", "ec-sec1", "ec-sec1-params", "ec-pkcs8", "ed25519-pkcs8"} {
		key, weak, err := privateKey(file(t, filepath.Join(dir, name+".pem")), "not looked at", name)
		if err != nil || weak != "" {
			t.Fatalf("%s: %v, %s", name, err, weak)
		}
		kind, _, _ := strings.Cut(name, "-")
		if other := plain[kind]; other != nil && !sameKey(other, key) {
			t.Errorf("%s is another key", name)
		}
		plain[kind] = key
	}
	for _, name := range files {
		base := strings.TrimSuffix(filepath.Base(name), ".pem")
		t.Run(base, func(t *testing.T) {
			text := file(t, name)
			if !bytes.Contains(text, []byte("ENCRYPTED")) {
				return // one of those above
			}
			kind, _, _ := strings.Cut(base, "-")
			key, weak, err := privateKey(text, keyPassword, "the key")
			if err != nil || !sameKey(plain[kind], key) {
				t.Fatal(err)
			}
			want(t, "weak", weak != "", strings.HasSuffix(base, "-des"))
			for password, wanted := range map[string]string{"": "missing password for the key, which is encrypted", "wrong": "wrong password for the key", keyPassword + " ": "wrong password for the key"} {
				if _, _, err := privateKey(text, password, "the key"); err == nil || err.Error() != wanted {
					t.Errorf("with the password %q: %v", password, err)
				}
			}
		})
	}
	checkRefused(t, dir)
}

// checkRefused reads what is not supported, and the reason.
func checkRefused(t *testing.T, dir string) {
	for name, wanted := range map[string]string{
		"pbeWithMD5AndDES-CBC":             "too weak to support (PBES1); `openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE -out NEWFILE` converts it",
		"pbeWithSHA1And3-KeyTripleDES-CBC": "too weak to support (PBES1); `openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE -out NEWFILE` converts it",
		"x25519":                           "the private key cannot sign",
	} {
		_, _, err := privateKey(file(t, filepath.Join(dir, "refused", name+".pem")), keyPassword, "the key")
		if own, ok := asError(err); !ok || own.Code != ConfigInvalid || !strings.Contains(own.Problem, wanted) {
			t.Errorf("%s: %v, want %s", name, err, wanted)
		}
	}
}

func file(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func sameKey(a, b crypto.Signer) bool {
	switch a := a.(type) {
	case *rsa.PrivateKey:
		return a.Equal(b)
	case *ecdsa.PrivateKey:
		return a.Equal(b)
	case ed25519.PrivateKey:
		return a.Equal(b)
	}
	return false
}

// What else may be in a file with a key.
func TestKeyFiles(t *testing.T) {
	key := string(file(t, filepath.Join("testdata", "keys", "ec-pkcs8.pem")))
	for name, tt := range map[string]struct{ text, want string }{
		"words and CRLF":          {"the key\r\n" + strings.ReplaceAll(key, "\n", "\r\n"), ""},
		"a certificate before it": {(*authority)(nil).issue(t, nil).pem() + key, ""},
		"nothing":                 {"", "key: there is no private key in it; PEM is wanted (-----BEGIN PRIVATE KEY-----)"},
		"only a certificate":      {(*authority)(nil).issue(t, nil).pem(), "key: there is no private key in it; PEM is wanted (-----BEGIN PRIVATE KEY-----)"},
		"a key for SSH":           {"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "key is a key for SSH; `ssh-keygen -p -m PKCS8 -f FILE` converts it"},
		"no key after all":        {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "key: the private key cannot be read: PKCS#1, PKCS#8 and SEC 1 are possible, for RSA, EC and Ed25519"},
		"more than a key":         {string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: make([]byte, largestKey+1)})), "key: the private key is larger than 10240 bytes"},
		"no encryption after all": {"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", "key: the encrypted key cannot be read"},
	} {
		_, _, err := privateKey([]byte(tt.text), keyPassword, "key")
		if got := fmt.Sprint(err); got != tt.want && !(err == nil && tt.want == "") {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// lockedKey is an encrypted key, or looks like one, whose key derivation is kdf.
func lockedKey(t testing.TB, kdf asn1.ObjectIdentifier, params any) []byte {
	t.Helper()
	marshal := func(v any) asn1.RawValue {
		der, err := asn1.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return asn1.RawValue{FullBytes: der}
	}
	aes256 := append(slices.Clone(oidAESCBC), 42)
	der := marshal(encryptedKey{Data: make([]byte, 16), Algorithm: pkix.AlgorithmIdentifier{
		Algorithm: oidPBES2, Parameters: marshal(pbes2{
			KDF:    pkix.AlgorithmIdentifier{Algorithm: kdf, Parameters: marshal(params)},
			Cipher: pkix.AlgorithmIdentifier{Algorithm: aes256, Parameters: marshal(make([]byte, 16))},
		})}})
	return pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der.FullBytes})
}

// A key may not ask for any amount of work.
func TestKeysThatAskForTooMuch(t *testing.T) {
	const memory, unreadable = "key: the encryption of the key asks for more than 128 MiB of memory", "key: the encryption of the key cannot be read"
	for _, tt := range []struct {
		kdf    asn1.ObjectIdentifier
		params any
		want   string
	}{
		{oidScrypt, scryptParams{N: 16384, R: 8, P: 1}, "wrong password for key"},
		{oidScrypt, scryptParams{N: 131072, R: 8, P: 1}, "wrong password for key"}, // 128 MiB
		{oidScrypt, scryptParams{N: 262144, R: 8, P: 1}, memory},
		{oidScrypt, scryptParams{N: 2, R: 1 << 30, P: 1}, memory},
		{oidScrypt, scryptParams{N: 1 << 30, R: 1, P: 1}, memory},
		{oidScrypt, scryptParams{N: 1 << 62, R: 1 << 62, P: 1}, memory},
		{oidScrypt, scryptParams{N: 2, R: 1, P: 1 << 30}, memory},
		{oidScrypt, scryptParams{N: 3, R: 1, P: 1}, unreadable},
		{oidScrypt, scryptParams{N: -2, R: 1, P: 1}, unreadable},
		{oidPBKDF2, pbkdf2Params{Iterations: 1}, "wrong password for key"},
		{oidPBKDF2, pbkdf2Params{Iterations: 0}, unreadable},
		{oidPBKDF2, pbkdf2Params{Iterations: 10_000_001}, "key: the encryption of the key asks for 10000001 iterations; 10000000 are the most"},
		{oidPBKDF2, pbkdf2Params{Iterations: 1, PRF: pkix.AlgorithmIdentifier{Algorithm: oidScrypt}}, "key: the key is encrypted with a hash that is not supported (1.3.6.1.4.1.11591.4.11)"},
		{oidPBES2, pbkdf2Params{}, "key: the key is encrypted in a way that is not supported (1.2.840.113549.1.5.13)"},
	} {
		if _, _, err := privateKey(lockedKey(t, tt.kdf, tt.params), "x", "key"); err == nil || err.Error() != tt.want {
			t.Errorf("%+v: %v, want %s", tt.params, err, tt.want)
		}
	}
}

// FuzzKey reads anything as a key: no panic, no work beyond the limit, and whatever is
// read can sign.
func FuzzKey(f *testing.F) {
	for _, name := range []string{"ec-pkcs8", "ec-sec1-aes256", "ec-pkcs8-aes256-SHA512", "ed25519-pkcs8-scrypt", "ed25519-pkcs8-3des"} {
		block, _ := pem.Decode(file(f, filepath.Join("testdata", "keys", name+".pem")))
		f.Add(block.Type, block.Headers["DEK-Info"], block.Bytes)
	}
	f.Fuzz(func(t *testing.T, label, dek string, der []byte) {
		if len(der) > 1<<10 {
			t.Skip("to check a large key takes long, and shows nothing new")
		}
		if label == "ENCRYPTED PRIVATE KEY" {
			plain, err := decryptPKCS8(der, keyPassword, strictness{iterations: 5000, memory: 1 << 20})
			if err == nil {
				_, _ = parseKey(plain)
			}
			return
		}
		block := &pem.Block{Type: label, Bytes: der}
		if dek != "" {
			block.Headers = map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": dek}
		}
		key, _, err := privateKey(pem.EncodeToMemory(block), keyPassword, "key")
		if err == nil && key.Public() == nil {
			t.Error("a key without its public part")
		}
	})
}

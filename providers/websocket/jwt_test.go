package websocket

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The key of RFC 8037 A.1, which the specification's vectors are signed with.
const rfc8037 = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n"

// pemOf writes a key as PKCS#8.
func pemOf(t testing.TB, key crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// keyFile writes a key to a file.
func keyFile(t testing.TB, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// madeToken is the token that parameters make; time stands still.
func madeToken(t testing.TB, yaml string) (string, error) {
	t.Helper()
	s, err := with(t, "url: ws://h\njwt:\n  enabled: true\n  "+strings.ReplaceAll(strings.TrimSpace(yaml), "\n", "\n  ")).settings()
	if err != nil {
		return "", err
	}
	k, ok := s.who.(*token)
	if !ok {
		k = s.token
	}
	return k.make(&transport{set: s, now: func() time.Time { return vectorTime }})
}

// J1 and J2 of spec/websocket.md §10, with the key in a file and in the text.
func TestJWTVectors(t *testing.T) {
	file := keyFile(t, rfc8037)
	const (
		j1 = "eyJhbGciOiJFZERTQSIsImtpZCI6ImsxIiwidHlwIjoiSldUIn0.eyJiaWciOjkwMDcxOTkyNTQ3NDA5OTMsImV4cCI6MTcwMDAwMzYwMCwibiI6MS41LCJzdWIiOiJhbGljZSJ9.E0ghV704QnFthhOTs8NnFKHZUCIrRqbtWxVvx-hREgCw7VFy5fmmwksKSOeUD2P4Ow_QWc5mWxdAOOcC2LCsAA"
		j2 = "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.e30.pPucOiTgMQaW3wcLKFEJb5FfZ---7AgQpSJbcaiZGT__ECxe_pMKyuhd0NxaWDsREK7qfY3Uo6eSt5RRx9nVDg"
	)
	for yaml, want := range map[string]string{
		"private_key_file: " + file + "\nsigning_method: EdDSA\nclaims: {sub: alice, exp: 1700003600, n: 1.5, big: 9007199254740993}\nheaders: {kid: k1}": j1,
		"private_key_file: " + file + "\nsigning_method: EdDSA\nclaims: {}\nheaders: {}":                                                                  j2,
		"private_key: |\n  " + strings.ReplaceAll(rfc8037, "\n", "\n  ") + "\nsigning_method: EdDSA":                                                      j2,
	} {
		got, err := madeToken(t, yaml)
		if err != nil || got != want {
			t.Errorf("%s\n got %s, %v\nwant %s", yaml, got, err, want)
		}
	}
}

// What a token says, and in which order and form.
func TestJWTContent(t *testing.T) {
	for yaml, wanted := range map[string]string{
		"claims: {}": `{"alg":"HS256","typ":"JWT"} {}`,
		"claims: {z: 1, a: {y: [1, {c: 2, b: 1.50}], x: null}}": `{"alg":"HS256","typ":"JWT"} {"a":{"x":null,"y":[1,{"b":1.5,"c":2}]},"z":1}`,
		"claims: {n: 12345678901234567890123, t: 1700003600}":   `{"alg":"HS256","typ":"JWT"} {"n":12345678901234567890123,"t":1700003600}`,
		"claims: {aud: ['a<b', '\"'], ok: true}":                `{"alg":"HS256","typ":"JWT"} {"aud":["a\u003cb","\""],"ok":true}`,
		"headers: {typ: at+jwt, x5t: abc, crit: [exp]}":         `{"alg":"HS256","crit":["exp"],"typ":"at+jwt","x5t":"abc"} {}`,
		"expires_in: 5m\nclaims: {sub: a}":                      `{"alg":"HS256","typ":"JWT"} {"exp":1700000300,"iat":1700000000,"sub":"a"}`,
		"expires_in: 5m\nclaims: {exp: 9, iat: 8}":              `{"alg":"HS256","typ":"JWT"} {"exp":9,"iat":8}`,
		"issued_at: true": `{"alg":"HS256","typ":"JWT"} {"iat":1700000000}`,
	} {
		got, err := madeToken(t, "signing_method: HS256\nsecret: s3cret-s3cret\n"+yaml)
		if err != nil {
			t.Errorf("%s: %v", yaml, err)
			continue
		}
		parts := strings.Split(got, ".")
		var plain []string
		for _, part := range parts[:2] {
			text, err := base64.RawURLEncoding.DecodeString(part)
			if err != nil {
				t.Fatal(err)
			}
			plain = append(plain, string(text))
		}
		want(t, yaml, strings.Join(plain, " "), wanted)
	}
}

// Every method signs what its public key verifies: with RS, HS and EdDSA the same token
// each time, with PS and ES another.
func TestJWTMethods(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	keys := map[string]crypto.Signer{"RS": rsaKey, "PS": rsaKey, "Ed": edKey}
	for name, curve := range map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()} {
		if keys[name], err = ecdsa.GenerateKey(curve, rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	for _, method := range jwtMethods {
		alg := method.Alg()
		t.Run(alg, func(t *testing.T) {
			key := keys[alg]
			if key == nil {
				key = keys[alg[:2]]
			}
			yaml := "signing_method: " + alg + "\nclaims: {sub: a}\n"
			var public any = []byte("a secret of some length")
			if key == nil {
				yaml += "secret: a secret of some length"
			} else {
				yaml += "private_key_file: " + keyFile(t, pemOf(t, key))
				public = key.Public()
			}
			one, err := madeToken(t, yaml)
			if err != nil {
				t.Fatal(err)
			}
			two, _ := madeToken(t, yaml)
			want(t, "same again", one == two, !strings.HasPrefix(alg, "PS") && !strings.HasPrefix(alg, "ES"))
			read, err := jwt.Parse(one, func(*jwt.Token) (any, error) { return public, nil }, jwt.WithValidMethods([]string{alg}))
			if err != nil || !read.Valid {
				t.Error(err)
			}
		})
	}
}

// Keys that do not fit the method, and whatever would weaken a token.
func TestJWTKeysThatDoNotFit(t *testing.T) {
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ec, ed := keyFile(t, pemOf(t, p256)), keyFile(t, rfc8037)
	for yaml, want := range map[string]string{
		"signing_method: RS256\nprivate_key_file: " + ec:            "jwt.private_key_file: RS256 needs an RSA key",
		"signing_method: PS512\nprivate_key_file: " + ed:            "jwt.private_key_file: PS512 needs an RSA key",
		"signing_method: ES384\nprivate_key_file: " + ec:            "jwt.private_key_file: ES384 needs a key on the curve P-384",
		"signing_method: EdDSA\nprivate_key_file: " + ec:            "jwt.private_key_file: EdDSA needs an Ed25519 key",
		"signing_method: none\nprivate_key_file: " + ec:             `jwt.signing_method "none" is not supported; RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, HS256, HS384, HS512 are`,
		"signing_method: HS256\nprivate_key_file: " + ec:            "jwt.secret is missing, which HS256 signs with",
		"signing_method: HS256\nsecret: x\nprivate_key_file: " + ec: "jwt.private_key_file is given, but HS256 signs with jwt.secret",
		"signing_method: ES256\nsecret: x":                          "jwt.secret is given, but ES256 signs with a private key",
		"signing_method: EdDSA":                                     "jwt.private_key_file is missing, which EdDSA signs with",
		"secret: x":                                                 "jwt.signing_method is missing; RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, HS256, HS384, HS512 are possible",
		"signing_method: HS256\nsecret: x\nheaders: {alg: none}":    "jwt.headers must not have alg; jwt.signing_method says it",
		"signing_method: HS256\nsecret: x\nin: body":                `jwt.in is "body"; header, query:NAME and subprotocol:PREFIX are possible`,
		"signing_method: HS256\nsecret: x\nexpires_in: -1":          "jwt.expires_in must be at least 1s",
	} {
		_, err := madeToken(t, yaml)
		if own, ok := asError(err); !ok || own.Code != ConfigInvalid || own.Problem != want {
			t.Errorf("%s: %v, want %s", yaml, err, want)
		}
	}
}

// A short RSA key signs, with a warning.
func TestJWTShortKey(t *testing.T) {
	log, warnings := logged()
	s, err := with(t, "url: ws://h\njwt: {enabled: true, signing_method: RS256, private_key_file: testdata/keys/oauth-rsa1024.pem}").settings()
	if err != nil {
		t.Fatal(err)
	}
	tr := &transport{set: s, now: time.Now, shared: &shared{log: log}}
	for range 2 {
		if _, err := s.who.authorize(t.Context(), tr); err != nil {
			t.Fatal(err)
		}
	}
	if text := warnings(); strings.Count(text, "less than 2048 bits") != 1 {
		t.Errorf("logged %q", text)
	}
}

// The key is read again when it has changed.
func TestJWTKeyIsRotated(t *testing.T) {
	name := keyFile(t, rfc8037)
	s, err := with(t, "url: ws://h\njwt: {enabled: true, signing_method: EdDSA, private_key_file: "+name+"}").settings()
	if err != nil {
		t.Fatal(err)
	}
	tr := &transport{set: s, now: time.Now}
	before, _ := s.who.authorize(t.Context(), tr)
	_, other, _ := ed25519.GenerateKey(rand.Reader)
	if err := os.WriteFile(name, []byte(pemOf(t, other)), 0o600); err != nil {
		t.Fatal(err)
	}
	after, err := s.who.authorize(t.Context(), tr)
	if err != nil || before == after || !strings.HasPrefix(after, "Bearer ") {
		t.Errorf("%s then %s, %v", before, after, err)
	}
}

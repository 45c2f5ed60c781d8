package websocket

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"
	"strings"

	"golang.org/x/crypto/scrypt"
)

// privateKey reads the first private key of a PEM text: PKCS#1, PKCS#8 or SEC 1, plain
// or encrypted. The password is not looked at where there is none. name is what the
// text is called in errors; weak is a warning about the encryption, "" for none.
func privateKey(text []byte, password, name string) (key crypto.Signer, weak string, err error) {
	block, err := keyBlock(text, name)
	if err != nil {
		return nil, "", err
	}
	der := block.Bytes
	switch {
	case block.Type == "ENCRYPTED PRIVATE KEY" && password == "":
		return nil, "", invalid("missing password for %s, which is encrypted", name)
	case block.Type == "ENCRYPTED PRIVATE KEY":
		der, err = decryptPKCS8(der, password, strictly)
	case legacy(block) && password == "":
		return nil, "", invalid("missing password for %s, which is encrypted", name)
	case legacy(block):
		weak = weakness(block, name)
		der, err = decryptLegacy(block, password)
	}
	if err != nil {
		return nil, "", keyFault(name, err)
	}
	key, err = parseKey(der)
	switch {
	case err != nil && len(der) > 0 && !bytes.Equal(der, block.Bytes):
		// What the old encryption makes of a wrong password may look well padded.
		return nil, "", keyFault(name, errPassword)
	case err != nil:
		return nil, "", invalid("%s: %v", name, err)
	}
	return key, weak, nil
}

var errPassword = errors.New("wrong password")

func keyFault(name string, err error) error {
	if errors.Is(err, errPassword) {
		return invalid("wrong password for %s", name)
	}
	return invalid("%s: %v", name, err)
}

// keyBlock looks for the key among whatever else is in the text: certificates, the EC
// PARAMETERS that openssl writes in front of it, words.
func keyBlock(text []byte, name string) (*pem.Block, error) {
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, invalid("%s: there is no private key in it; PEM is wanted (-----BEGIN PRIVATE KEY-----)", name)
		}
		switch block.Type {
		case "PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
			return block, nil
		case "OPENSSH PRIVATE KEY":
			return nil, invalid("%s is a key for SSH; `ssh-keygen -p -m PKCS8 -f FILE` converts it", name)
		}
	}
}

// largestKey is how long a key may be: RSA of 16384 bits has 9 KiB. To check one takes
// time that grows with the cube of that.
const largestKey = 10 << 10

// parseKey reads a key in any of the three encodings, whichever its label says.
func parseKey(der []byte) (crypto.Signer, error) {
	if len(der) > largestKey {
		return nil, fmt.Errorf("the private key is larger than %d bytes", largestKey)
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("the private key cannot be read: PKCS#1, PKCS#8 and SEC 1 are possible, for RSA, EC and Ed25519")
	}
	if signer, ok := key.(crypto.Signer); ok {
		return signer, nil
	}
	return nil, errors.New("the private key cannot sign")
}

// legacy says that a block has its encryption in PEM headers (RFC 1421), as openssl
// did it before PKCS#8.
func legacy(block *pem.Block) bool {
	//lint:ignore SA1019 who has such a key has no other, and it is not our choice
	return x509.IsEncryptedPEMBlock(block)
}

func decryptLegacy(block *pem.Block, password string) ([]byte, error) {
	//lint:ignore SA1019 as above; that padding tells of a wrong password is no oracle here
	der, err := x509.DecryptPEMBlock(block, []byte(password))
	if errors.Is(err, x509.IncorrectPasswordError) {
		return nil, errPassword
	}
	return der, err
}

func weakness(block *pem.Block, name string) string {
	if strings.HasPrefix(block.Headers["DEK-Info"], "DES-CBC") {
		return name + " is encrypted with DES, which anybody can break"
	}
	return ""
}

// A strictness limits how much work a key may ask for before it can be read.
type strictness struct {
	iterations int // of PBKDF2
	memory     int // of scrypt, in bytes
}

var strictly = strictness{iterations: 10_000_000, memory: 128 << 20}

// Algorithms of PKCS#5 (RFC 8018), PKCS#12 (RFC 7292) and RFC 7914.
var (
	oidPBES2   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidScrypt  = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11591, 4, 11}
	oidPKCS5   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5}
	oidPKCS12  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1}
	oidHMACs   = asn1.ObjectIdentifier{1, 2, 840, 113549, 2}
	oidAESCBC  = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1}
	oid3DESCBC = asn1.ObjectIdentifier{1, 2, 840, 113549, 3, 7}
)

type encryptedKey struct {
	Algorithm pkix.AlgorithmIdentifier
	Data      []byte
}

type pbes2 struct{ KDF, Cipher pkix.AlgorithmIdentifier }

type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	KeyLength  int                      `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
}

type scryptParams struct {
	Salt      []byte
	N, R, P   int
	KeyLength int `asn1:"optional"`
}

// decryptPKCS8 decrypts an EncryptedPrivateKeyInfo (RFC 5958 §3) with PBES2.
func decryptPKCS8(der []byte, password string, limit strictness) ([]byte, error) {
	var whole encryptedKey
	if rest, err := asn1.Unmarshal(der, &whole); err != nil || len(rest) > 0 {
		return nil, errors.New("the encrypted key cannot be read")
	}
	if !whole.Algorithm.Algorithm.Equal(oidPBES2) {
		return nil, otherEncryption(whole.Algorithm.Algorithm)
	}
	var scheme pbes2
	if _, err := asn1.Unmarshal(whole.Algorithm.Parameters.FullBytes, &scheme); err != nil {
		return nil, errors.New("the encryption of the key cannot be read")
	}
	newCipher, length, err := blockCipher(scheme.Cipher.Algorithm)
	if err != nil {
		return nil, err
	}
	key, err := derive(scheme.KDF, password, length, limit)
	if err != nil {
		return nil, err
	}
	block, err := newCipher(key)
	if err != nil {
		return nil, err
	}
	var iv []byte
	if _, err := asn1.Unmarshal(scheme.Cipher.Parameters.FullBytes, &iv); err != nil || len(iv) != block.BlockSize() {
		return nil, errors.New("the encryption of the key cannot be read")
	}
	return decryptCBC(block, iv, whole.Data)
}

// otherEncryption refuses what is not PBES2. The schemes before it end in DES or RC2.
func otherEncryption(oid asn1.ObjectIdentifier) error {
	if len(oid) > 0 && (under(oid, oidPKCS5) || under(oid, oidPKCS12)) {
		return errors.New("the key is encrypted in a way that is too weak to support (PBES1); " +
			"`openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE -out NEWFILE` converts it (add -provider legacy -provider default if openssl refuses)")
	}
	return fmt.Errorf("the key is encrypted in a way that is not supported (%v); `openssl pkcs8 -topk8 -v2 aes-256-cbc` writes one that is", oid)
}

// under says that oid is parent and one number more.
func under(oid, parent asn1.ObjectIdentifier) bool {
	return len(oid) == len(parent)+1 && oid[:len(parent)].Equal(parent)
}

// blockCipher is how to make the cipher, and how long its key is.
func blockCipher(oid asn1.ObjectIdentifier) (func([]byte) (cipher.Block, error), int, error) {
	switch {
	case oid.Equal(oid3DESCBC):
		return des.NewTripleDESCipher, 24, nil
	case under(oid, oidAESCBC) && oid[len(oid)-1] == 2:
		return aes.NewCipher, 16, nil
	case under(oid, oidAESCBC) && oid[len(oid)-1] == 22:
		return aes.NewCipher, 24, nil
	case under(oid, oidAESCBC) && oid[len(oid)-1] == 42:
		return aes.NewCipher, 32, nil
	}
	return nil, 0, fmt.Errorf("the key is encrypted with a cipher that is not supported (%v); AES-CBC and 3DES are", oid)
}

// hmacs are the hashes of HMAC by the last number of their identifiers.
var hmacs = map[int]func() hash.Hash{7: sha1.New, 8: sha256.New224, 9: sha256.New, 10: sha512.New384, 11: sha512.New}

// derive makes the key of a password.
func derive(kdf pkix.AlgorithmIdentifier, password string, length int, limit strictness) ([]byte, error) {
	unreadable := errors.New("the encryption of the key cannot be read")
	switch {
	case kdf.Algorithm.Equal(oidPBKDF2):
		var p pbkdf2Params
		if _, err := asn1.Unmarshal(kdf.Parameters.FullBytes, &p); err != nil || p.Iterations < 1 {
			return nil, unreadable
		}
		if p.Iterations > limit.iterations {
			return nil, fmt.Errorf("the encryption of the key asks for %d iterations; %d are the most", p.Iterations, limit.iterations)
		}
		newHash := sha1.New
		if prf := p.PRF.Algorithm; len(prf) > 0 {
			if newHash = hmacs[prf[len(prf)-1]]; newHash == nil || !under(prf, oidHMACs) {
				return nil, fmt.Errorf("the key is encrypted with a hash that is not supported (%v)", prf)
			}
		}
		return pbkdf2.Key(newHash, password, p.Salt, p.Iterations, length)
	case kdf.Algorithm.Equal(oidScrypt):
		var p scryptParams
		if _, err := asn1.Unmarshal(kdf.Parameters.FullBytes, &p); err != nil || p.N < 2 || p.R < 1 || p.P < 1 {
			return nil, unreadable
		}
		// 128·N·r bytes (RFC 7914 §5), and p times as much work.
		if p.R > limit.memory || p.N > limit.memory || p.P > 64 || p.N > limit.memory/128/p.R {
			return nil, fmt.Errorf("the encryption of the key asks for more than %d MiB of memory", limit.memory>>20)
		}
		key, err := scrypt.Key([]byte(password), p.Salt, p.N, p.R, p.P, length)
		if err != nil {
			return nil, unreadable
		}
		return key, nil
	}
	return nil, fmt.Errorf("the key is encrypted in a way that is not supported (%v)", kdf.Algorithm)
}

// decryptCBC decrypts and takes the padding off (RFC 8018 §6.1.1).
func decryptCBC(block cipher.Block, iv, data []byte) ([]byte, error) {
	size := block.BlockSize()
	if len(data) == 0 || len(data)%size != 0 {
		return nil, errors.New("the encrypted key is cut off")
	}
	plain := make([]byte, len(data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, data)
	n := int(plain[len(plain)-1])
	if n < 1 || n > size || !bytes.Equal(plain[len(plain)-n:], bytes.Repeat([]byte{byte(n)}, n)) {
		return nil, errPassword
	}
	return plain[:len(plain)-n], nil
}

// certificateOf puts a chain and its key together.
func certificateOf(chain []byte, key crypto.Signer, name string) (tls.Certificate, error) {
	c := tls.Certificate{PrivateKey: key}
	for rest := chain; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "CERTIFICATE" {
			c.Certificate = append(c.Certificate, block.Bytes)
		}
	}
	if len(c.Certificate) == 0 {
		return c, invalid("%s: there is no certificate in it; PEM is wanted (-----BEGIN CERTIFICATE-----)", name)
	}
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		return c, invalid("%s: the certificate cannot be read", name)
	}
	c.Leaf = leaf
	public, ok := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(key.Public()) {
		return c, invalid("%s: the certificate is for another key than the one given with it", name)
	}
	return c, nil
}

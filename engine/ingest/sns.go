package ingest

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1" // what version 1 of the signature is made with
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"slices"
	"strings"
	"time"

	"tocsin/templating/value"
)

// snsRetries is for how long SNS may try to deliver a message: the time that is signed is
// the one when it was published (https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html).
const snsRetries = time.Hour

// verifySNS checks the signature of a message of SNS
// (https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html), with
// a certificate that Amazon itself serves, and that the topic is one of the secrets.
func verifySNS(r Request, c Check) (Proof, error) {
	m, err := decodeMap(r)
	if err != nil {
		return Proof{}, err
	}
	topic := text(m, "TopicArn")
	if topic == "" || !slices.Contains(c.Secrets, topic) {
		return Proof{}, refuse(Unauthorized, "the topic %q is not one that may send here", short(topic))
	}
	published, err := time.Parse(time.RFC3339Nano, text(m, "Timestamp"))
	if err != nil || r.Now.Sub(published) > snsRetries || published.Sub(r.Now) > tolerance {
		return Proof{}, refuse(Unauthorized, "the message is from %q, which is too far from now", short(text(m, "Timestamp")))
	}
	key, err := snsKey(r, text(m, "SigningCertURL"))
	if err != nil {
		return Proof{}, err
	}
	content, err := snsContent(m)
	if err != nil {
		return Proof{}, err
	}
	if err := snsSigned(key, text(m, "SignatureVersion"), content, unbase64(text(m, "Signature"))); err != nil {
		return Proof{}, err
	}
	sum := sha256.Sum256([]byte(content))
	return Proof{ID: "sns:" + hex.EncodeToString(sum[:]), Keep: snsRetries + tolerance}, nil
}

// snsKey is the public key of the certificate at address.
func snsKey(r Request, address string) (*rsa.PublicKey, error) {
	u, ok := snsAddress(address)
	if !ok || !strings.HasSuffix(u.Path, ".pem") || u.RawQuery != "" {
		return nil, refuse(Unauthorized, "the SigningCertURL is none of Amazon SNS")
	}
	if r.Fetch == nil {
		return nil, refuse(Unauthorized, "the certificate of Amazon SNS cannot be fetched here")
	}
	text, err := r.Fetch(address)
	if err != nil { // not 4xx, after which SNS does not try again
		return nil, refuse(Unavailable, "the certificate of Amazon SNS: %v", err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, refuse(Unauthorized, "the SigningCertURL answers with no certificate")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, refuse(Unauthorized, "the certificate of Amazon SNS: %v", err)
	}
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok || r.Now.Before(cert.NotBefore) || r.Now.After(cert.NotAfter) {
		return nil, refuse(Unauthorized, "the certificate of Amazon SNS is not valid now")
	}
	return key, nil
}

// snsContent is what is signed: names and values of some fields, a line each.
func snsContent(m *value.Map) (string, error) {
	fields := []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}
	switch kind := text(m, "Type"); kind {
	case "Notification":
	case "SubscriptionConfirmation", "UnsubscribeConfirmation":
		fields = []string{"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
	default:
		return "", refuse(Unauthorized, "SNS knows no message of the type %q", short(kind))
	}
	var b strings.Builder
	for _, name := range fields {
		v, ok := at(m, name).(string)
		if !ok && name == "Subject" {
			continue
		}
		if !ok {
			return "", refuse(Unauthorized, "the message has no %s", name)
		}
		b.WriteString(name + "\n" + v + "\n")
	}
	return b.String(), nil
}

func snsSigned(key *rsa.PublicKey, version, content string, signature []byte) error {
	var err error
	switch version {
	case "1":
		sum := sha1.Sum([]byte(content))
		err = rsa.VerifyPKCS1v15(key, crypto.SHA1, sum[:], signature)
	case "2":
		sum := sha256.Sum256([]byte(content))
		err = rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature)
	default:
		return refuse(Unauthorized, "the SignatureVersion %q is not known", short(version))
	}
	if err != nil {
		return refuse(Unauthorized, "the signature does not fit the message")
	}
	return nil
}

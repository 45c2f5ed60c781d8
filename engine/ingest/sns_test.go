package ingest_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/engine/ingest"
)

// amazon signs like SNS, and serves its certificate.
type amazon struct {
	key  *rsa.PrivateKey
	cert []byte
}

var newAmazon = sync.OnceValue(func() amazon {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sns.amazonaws.com"},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return amazon{key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
})

const (
	topic   = "arn:aws:sns:eu-west-1:123456789012:alarms"
	certURL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem"
)

func (a amazon) Fetch(address string) ([]byte, error) {
	if address != certURL {
		return nil, errors.New("404 Not Found")
	}
	return a.cert, nil
}

// message is a signed notification, or with a type of its own the confirmation of a
// subscription.
func (a amazon) message(version, kind string) map[string]any {
	m := map[string]any{
		"Type": kind, "MessageId": "22b80b92", "TopicArn": topic, "Message": "My first message!",
		"Timestamp": now.Add(-time.Second).Format("2006-01-02T15:04:05.000Z"), "SignatureVersion": version, "SigningCertURL": certURL,
	}
	if kind == "Notification" {
		m["Subject"] = "My First Message"
	} else {
		m["Token"], m["SubscribeURL"] = "2336", "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription"
	}
	a.sign(m)
	return m
}

func (a amazon) sign(m map[string]any) {
	var b strings.Builder
	for _, k := range []string{"Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"} {
		if v, ok := m[k].(string); ok {
			fmt.Fprintf(&b, "%s\n%s\n", k, v)
		}
	}
	hash, sum := crypto.SHA256, sha256.Sum256([]byte(b.String()))
	digest := sum[:]
	if m["SignatureVersion"] == "1" {
		old := sha1.Sum([]byte(b.String()))
		hash, digest = crypto.SHA1, old[:]
	}
	signature, err := rsa.SignPKCS1v15(rand.Reader, a.key, hash, digest)
	if err != nil {
		panic(err)
	}
	m["Signature"] = base64.StdEncoding.EncodeToString(signature)
}

func snsRequest(m map[string]any, fetch func(string) ([]byte, error)) ingest.Request {
	body, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return ingest.Request{Header: http.Header{"Content-Type": {"text/plain; charset=UTF-8"}}, Body: body, Now: now, Fetch: fetch}
}

var topics = ingest.Check{Scheme: "sns", Secrets: []string{topic}}

func TestSNS(t *testing.T) {
	a := newAmazon()
	ids := map[string]bool{}
	for _, version := range []string{"1", "2"} {
		for _, kind := range []string{"Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"} {
			proof, err := ingest.Verify(snsRequest(a.message(version, kind), a.Fetch), topics)
			if err != nil || proof.Keep < time.Hour {
				t.Errorf("%s, version %s: %+v, %v", kind, version, proof, err)
			}
			ids[proof.ID] = true
		}
	}
	if len(ids) != 3 { // the version is not part of what is signed
		t.Errorf("%d IDs: %v", len(ids), ids)
	}
}

// What is well signed, but not by Amazon, not now or not for us, is refused.
func TestSNSRefused(t *testing.T) {
	a := newAmazon()
	tests := []struct {
		name   string
		change func(map[string]any)
		want   string
	}{
		{"another topic", func(m map[string]any) { m["TopicArn"] = topic + "2" }, "is not one that may send here"},
		{"two hours old", func(m map[string]any) { m["Timestamp"] = "2026-05-06T05:00:00.000Z" }, "too far from now"},
		{"of tomorrow", func(m map[string]any) { m["Timestamp"] = "2026-05-07T05:00:00.000Z" }, "too far from now"},
		{"version 3", func(m map[string]any) { m["SignatureVersion"] = "3" }, `SignatureVersion "3" is not known`},
		{"no message", func(m map[string]any) { delete(m, "Message") }, "no Message"},
		{"a certificate of somebody else", func(m map[string]any) { m["SigningCertURL"] = "https://sns.eu-west-1.amazonaws.com.example.com/a.pem" }, "none of Amazon SNS"},
		{"a certificate in a bucket", func(m map[string]any) { m["SigningCertURL"] = "https://s3.eu-west-1.amazonaws.com/a.pem" }, "none of Amazon SNS"},
		{"a bucket called sns", func(m map[string]any) { m["SigningCertURL"] = "https://sns.s3.eu-west-1.amazonaws.com/a.pem" }, "none of Amazon SNS"},
		{"without TLS", func(m map[string]any) { m["SigningCertURL"] = strings.Replace(certURL, "https", "http", 1) }, "none of Amazon SNS"},
		{"another port", func(m map[string]any) { m["SigningCertURL"] = strings.Replace(certURL, ".com/", ".com:8443/", 1) }, "none of Amazon SNS"},
		{"a user", func(m map[string]any) {
			m["SigningCertURL"] = strings.Replace(certURL, "//", "//sns.eu-west-1.amazonaws.com@", 1)
		}, "none of Amazon SNS"},
		{"no certificate", func(m map[string]any) { m["SigningCertURL"] = "https://sns.eu-west-1.amazonaws.com/?a.pem" }, "none of Amazon SNS"},
		{"one that is gone", func(m map[string]any) { m["SigningCertURL"] = strings.Replace(certURL, "-1.pem", "-2.pem", 1) }, "404 Not Found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := a.message("2", "Notification")
			tt.change(m)
			a.sign(m)
			if _, err := ingest.Verify(snsRequest(m, a.Fetch), topics); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v; want %q", err, tt.want)
			}
		})
	}
	m := a.message("2", "Notification")
	var refused *ingest.Error
	_, err := ingest.Verify(snsRequest(m, func(string) ([]byte, error) { return nil, errors.New("timeout") }), topics)
	if !errors.As(err, &refused) || refused.Status() != http.StatusServiceUnavailable {
		t.Errorf("without the certificate now: %v, after which SNS does not try again", err)
	}
	late := snsRequest(a.message("2", "Notification"), a.Fetch)
	late.Fetch = nil
	if _, err := ingest.Verify(late, topics); err == nil {
		t.Error("it passes without a certificate")
	}
}

// 10,000 messages of SNS in which something that is signed was changed.
func TestForgedSNS(t *testing.T) {
	a := newAmazon()
	random := mathrand.New(mathrand.NewPCG(1, 2))
	genuine := map[string]map[string]any{}
	for i := range 10_000 {
		version, kind := []string{"1", "2"}[i%2], []string{"Notification", "SubscriptionConfirmation"}[i/2%2]
		if genuine[version+kind] == nil {
			genuine[version+kind] = a.message(version, kind)
		}
		m := map[string]any{}
		for k, v := range genuine[version+kind] {
			m[k] = v
		}
		fields := []string{"Message", "MessageId", "Timestamp", "TopicArn", "Type", "Signature", "SignatureVersion"}
		if kind == "Notification" {
			fields = append(fields, "Subject")
		} else {
			fields = append(fields, "Token", "SubscribeURL")
		}
		field := fields[random.IntN(len(fields))]
		text := []byte(m[field].(string))
		switch random.IntN(3) {
		case 0:
			text[random.IntN(len(text))] ^= byte(1 + random.IntN(15))
			m[field] = string(text)
		case 1:
			m[field] = string(text) + "0"
		case 2:
			delete(m, field)
		}
		if _, err := ingest.Verify(snsRequest(m, a.Fetch), topics); err == nil {
			t.Fatalf("request %d passed: %s %q", i, field, m[field])
		}
	}
}

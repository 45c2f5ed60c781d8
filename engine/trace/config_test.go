package trace

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for _, p := range pairs {
			if v, ok := strings.CutPrefix(p, name+"="); ok {
				return v
			}
		}
		return ""
	}
}

// defaults are those of OpenTelemetry's specification.
var defaults = Config{
	Header: http.Header{}, Timeout: 10 * time.Second, Propagate: true, Delay: 5 * time.Second, Queue: 2048, Batch: 512,
}

func TestFromEnv(t *testing.T) {
	tests := []struct {
		name   string
		env    []string
		want   func(*Config)
		doubts string
	}{
		{"nothing", nil, func(*Config) {}, ""},
		{"an address for all signals", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318/"}, func(c *Config) { c.Endpoint = "http://c:4318/v1/traces" }, ""},
		{"with a path", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=https://c/otlp"}, func(c *Config) { c.Endpoint = "https://c/otlp/v1/traces" }, ""},
		{"one for traces is taken as it is", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://d/t"}, func(c *Config) { c.Endpoint = "http://d/t" }, ""},
		{"asked for without an address", []string{"OTEL_TRACES_EXPORTER=otlp"}, func(c *Config) { c.Endpoint = "http://localhost:4318/v1/traces" }, ""},
		{"switched off", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318", "OTEL_SDK_DISABLED=true"}, func(*Config) {}, ""},
		{"no exporter", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318", "OTEL_TRACES_EXPORTER=none"}, func(*Config) {}, ""},
		{"no address, whose text may have a key", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=c:4318/k3y"}, func(*Config) {}, "OTEL_EXPORTER_OTLP_ENDPOINT: it is no address: write http://127.0.0.1:4318"},
		{"headers", []string{"OTEL_EXPORTER_OTLP_HEADERS=api-key=a%20b, x-tenant = 1"}, func(c *Config) { c.Header = http.Header{"Api-Key": {"a b"}, "X-Tenant": {"1"}} }, ""},
		{"headers for traces go first", []string{"OTEL_EXPORTER_OTLP_HEADERS=a=1", "OTEL_EXPORTER_OTLP_TRACES_HEADERS=b=2"}, func(c *Config) { c.Header = http.Header{"B": {"2"}} }, ""},
		{"headers that are none", []string{"OTEL_EXPORTER_OTLP_HEADERS=k3y,a=%0d%0ax"}, func(*Config) {}, "OTEL_EXPORTER_OTLP_HEADERS: it is a list of KEY=VALUE with commas between them\nOTEL_EXPORTER_OTLP_HEADERS: it has something that is no header"},
		{"the rest of the exporter", []string{"OTEL_EXPORTER_OTLP_COMPRESSION=gzip", "OTEL_EXPORTER_OTLP_TIMEOUT=2000", "OTEL_EXPORTER_OTLP_CERTIFICATE=ca.pem", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"},
			func(c *Config) { c.Gzip, c.Timeout, c.CA = true, 2*time.Second, "ca.pem" }, ""},
		{"a protocol that we do not speak", []string{"OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}, func(*Config) {}, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc: spans go over HTTP as JSON, which collectors take at port 4318"},
		{"batches", []string{"OTEL_BSP_SCHEDULE_DELAY=100", "OTEL_BSP_MAX_QUEUE_SIZE=10"}, func(c *Config) { c.Delay, c.Queue, c.Batch = 100*time.Millisecond, 10, 10 }, ""},
		{"a number that is none", []string{"OTEL_BSP_MAX_QUEUE_SIZE=-1"}, func(*Config) {}, "OTEL_BSP_MAX_QUEUE_SIZE=-1: it is a number from 1 to a million"},
		{"limits", []string{"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=100", "OTEL_SPAN_EVENT_COUNT_LIMIT=5"}, func(c *Config) { c.Length, c.Marks = 100, 5 }, ""},
		{"what the process is", []string{"OTEL_SERVICE_NAME=checks", "OTEL_RESOURCE_ATTRIBUTES=service.name=x,deployment.environment.name=a%2Cb"},
			func(c *Config) {
				c.Resource = []Attribute{{"deployment.environment.name", "a,b"}, {"service.name", "checks"}}
			}, ""},
		{"nobody is told", []string{"OTEL_PROPAGATORS=b3"}, func(c *Config) { c.Propagate = false }, ""},
		{"several are", []string{"OTEL_PROPAGATORS=b3, tracecontext"}, func(*Config) {}, ""},
		{"all", []string{"OTEL_TRACES_SAMPLER=always_on"}, func(c *Config) { c.Sampler = Sampler{Alone: true} }, ""},
		{"none", []string{"OTEL_TRACES_SAMPLER=parentbased_always_off"}, func(c *Config) { c.Sampler = Sampler{None: true} }, ""},
		{"a part", []string{"OTEL_TRACES_SAMPLER=traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.25"}, func(c *Config) { c.Sampler = Sampler{Some: true, Part: 0.25, Alone: true} }, ""},
		{"a part that is none", []string{"OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=2"}, func(c *Config) { c.Sampler = Sampler{Some: true, Part: 1} }, "OTEL_TRACES_SAMPLER_ARG=2: it is a number from 0 to 1"},
		{"a sampler that we do not have", []string{"OTEL_TRACES_SAMPLER=xray"}, func(*Config) {}, "OTEL_TRACES_SAMPLER=xray: it is always_on, always_off or traceidratio, with or without parentbased_ before it"},
		{"an exporter that we do not have", []string{"OTEL_TRACES_EXPORTER=zipkin"}, func(*Config) {}, "OTEL_TRACES_EXPORTER=zipkin: it is otlp or none"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := defaults
			tt.want(&want)
			got, doubts := FromEnv(env(tt.env...))
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%+v\nwant %+v", got, want)
			}
			if text := strings.Join(doubts, "\n"); text != tt.doubts {
				t.Errorf("doubts %q, want %q", text, tt.doubts)
			}
		})
	}
}

// What the environment says of the process goes before what the program says of itself.
func TestDescribe(t *testing.T) {
	c, _ := FromEnv(env("OTEL_SERVICE_NAME=checks"))
	c.Describe("1.2", "host/1")
	want := "[{service.instance.id host/1} {service.name checks} {service.version 1.2} {telemetry.sdk.language go} {telemetry.sdk.name tocsin} {telemetry.sdk.version 1.2}]"
	if got := fmt.Sprint(c.Resource); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestSampler(t *testing.T) {
	var id ID
	kept := map[string]int{}
	random := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		binary.BigEndian.PutUint64(id[8:], random.Uint64())
		for name, yes := range map[string]bool{
			"all":                      Sampler{}.keeps(id, 0, false),
			"kept by its parent":       Sampler{None: true}.keeps(id, sampled, true),
			"not kept by its parent":   Sampler{}.keeps(id, 0, true),
			"none":                     Sampler{None: true}.keeps(id, 0, false),
			"all, whatever its parent": Sampler{Alone: true}.keeps(id, 0, true),
			"a quarter":                Sampler{Some: true, Part: 0.25}.keeps(id, 0, false),
			"no part":                  Sampler{Some: true}.keeps(id, 0, false),
			"the whole":                Sampler{Some: true, Part: 1}.keeps(id, 0, false),
		} {
			if yes {
				kept[name]++
			}
		}
	}
	if quarter := kept["a quarter"]; quarter < 2300 || quarter > 2700 {
		t.Errorf("a quarter is %d of 10,000", quarter)
	}
	delete(kept, "a quarter")
	want := map[string]int{"all": 10_000, "kept by its parent": 10_000, "all, whatever its parent": 10_000, "the whole": 10_000}
	if !reflect.DeepEqual(kept, want) {
		t.Errorf("%v, want %v", kept, want)
	}
}

func TestTLS(t *testing.T) {
	if got, err := (&Config{}).TLS(os.ReadFile); got != nil || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	name := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(name, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (&Config{CA: name}).TLS(os.ReadFile); err == nil || err.Error() != name+" has no certificates" {
		t.Error(err)
	}
	if _, err := (&Config{Cert: name, Key: name}).TLS(os.ReadFile); err == nil || !strings.HasPrefix(err.Error(), name+" and "+name+": tls: ") {
		t.Error(err)
	}
	if _, err := (&Config{Cert: name}).TLS(os.ReadFile); err == nil {
		t.Error("a certificate without a key is taken")
	}
}

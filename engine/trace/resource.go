package trace

import (
	"maps"
	"slices"
)

// Describe adds to c what this program knows of itself, where the environment does not
// say it: OpenTelemetry's conventions for services. instance tells processes of one name
// apart.
func (c *Config) Describe(version, instance string) {
	c.Version = version
	own := map[string]string{
		"service.name": "tocsin", "service.version": version, "service.instance.id": instance,
		"telemetry.sdk.name": "tocsin", "telemetry.sdk.language": "go", "telemetry.sdk.version": version,
	}
	for _, a := range c.Resource {
		own[a.Key] = a.Value.(string)
	}
	c.Resource = sorted(own)
}

// sorted are attributes by their names.
func sorted(m map[string]string) []Attribute {
	var list []Attribute
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if m[key] != "" {
			list = append(list, Attribute{key, m[key]})
		}
	}
	return list
}

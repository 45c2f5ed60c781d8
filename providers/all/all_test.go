package all

import (
	"os"
	"slices"
	"testing"

	"tocsin/providers"
)

// Every folder that has a provider is in the list: forgetting the row fails here.
func TestEveryFolderIsListed(t *testing.T) {
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	// keep needs alerts to be about: cmd makes it.
	rooms := []string{"all", "dial", "internal", "keep", "providertest", "rest", "testdata"}
	reg := Registry()
	for _, e := range entries {
		if !e.IsDir() || slices.Contains(rooms, e.Name()) {
			continue
		}
		if _, err := os.Stat("../" + e.Name() + "/README.md"); err != nil {
			continue
		}
		if _, ok := reg.Lookup(e.Name()); !ok {
			t.Errorf("providers/%s is not in all.go", e.Name())
		}
	}
}

// What is here is not planned, and what is planned is in order and there once.
func TestPlanned(t *testing.T) {
	reg := Registry()
	for _, typ := range planned {
		if _, here := reg.Lookup(typ); here {
			t.Errorf("%s is here and planned: take it out of planned.go", typ)
		}
	}
	if !slices.IsSorted(planned) || len(slices.Compact(slices.Clone(planned))) != len(planned) {
		t.Error("planned.go is not in the order of the alphabet, or has a name twice")
	}
	for _, typ := range []string{"kafka", "auth0.logs", "github.stars"} {
		if !reg.IsPlanned(typ) {
			t.Errorf("%s is not known by name", typ)
		}
	}
}

func TestMore(t *testing.T) {
	if _, ok := Registry(providers.Provider{Type: "mine"}).Lookup("mine"); !ok {
		t.Error("a provider of one's own is not in the registry")
	}
}

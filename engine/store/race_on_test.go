//go:build race

package store

// racing says that the race detector slows everything down.
const racing = true

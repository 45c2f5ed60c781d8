//go:build !race

package delivery

// racing says that the race detector slows everything down.
const racing = false

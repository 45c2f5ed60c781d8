// Package engine compiles workflows and runs them. It opens no file, reads no
// environment and keeps no global: what it needs is handed to it.
//
// A document becomes a Program (Compile), a Program becomes a run (Runner.Run), a run
// is its Events, and a Result is what they add up to. Start reading at Compile and
// Run.
//
// It starts a goroutine for each call of a provider, so that one that does not come
// back when told to can be left behind, and those of a parallel foreach, for which it
// waits.
package engine

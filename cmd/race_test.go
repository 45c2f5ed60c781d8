//go:build race

package cmd_test

// raceDetector makes everything ten times slower.
const raceDetector = true

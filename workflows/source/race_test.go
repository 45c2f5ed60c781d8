//go:build race

package source_test

// raceDetector makes everything slower and larger, so that nothing can be measured.
const raceDetector = true

package providers

// A Figure is something that a provider counts or measures for as long as it runs, for
// whoever watches over the program. Providers have theirs in a table.
type Figure struct {
	Name   string // as Prometheus writes it, with the unit at its end
	Help   string // what it is, in a sentence
	Kind   FigureKind
	Labels []string  // names of what tells its series apart, three at most
	Limits []float64 // of a Histogram: the upper limits of its buckets, rising
}

// A FigureKind is what a value means.
type FigureKind uint8

const (
	Counter   FigureKind = iota // by how much there is more
	Gauge                       // what it is now
	Histogram                   // one of many, of which the distribution is of interest
)

// A Meter takes figures. It may be used from many goroutines. The labels are in the
// order of the figure's.
type Meter interface {
	// Note takes a value of f.
	Note(f *Figure, v float64, labels ...string)
	// Drop forgets a series, since what it is about is gone.
	Drop(f *Figure, labels ...string)
}

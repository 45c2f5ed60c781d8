package templating

import (
	"slices"
	"sync"
)

// Builtin has keep.* and sprig's pure functions: none that reads the environment,
// files, the network, or random values. The table is made when first needed, and
// sprig's part of it when a name is looked up that keep.* does not have.
func Builtin() *Functions { return builtinTable() }

var builtinTable = sync.OnceValue(func() *Functions {
	keep := slices.Concat(mathFunctions(), textFunctions(), listFunctions(), mappingFunctions(), timeFunctions())
	return &Functions{rows: byName(keep), more: sync.OnceValue(sprigFunctions)}
})

package templating

import (
	"slices"
	"sync"
)

// Builtin has keep.* and sprig's pure functions: none that reads the environment,
// files, the network, or random values. The table is made when a name is looked up, and
// sprig's part of it when that is one that keep.* does not have.
func Builtin() *Functions { return builtinTable }

var builtinTable = &Functions{more: sync.OnceValue(keepFunctions), base: &Functions{more: sync.OnceValue(sprigFunctions)}}

func keepFunctions() map[string]Function {
	return byName(slices.Concat(mathFunctions(), textFunctions(), listFunctions(), mappingFunctions(), timeFunctions()))
}

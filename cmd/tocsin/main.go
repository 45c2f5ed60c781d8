// Tocsin runs workflows of steps and actions: uptime alerts, smoke checks, jobs.
package main

import (
	"os"
	_ "time/tzdata" // time zones on machines and in images that have none

	"tocsin/cmd"
	"tocsin/providers/all"
)

func main() {
	os.Exit(cmd.Main(os.Args[1:], all.Registry()))
}

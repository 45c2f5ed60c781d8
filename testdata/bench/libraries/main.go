// Libraries is the floor with the libraries that tocsin is made of, each used once for what
// the main job needs of it: no program of theirs takes less. Package wall measures it
// beside the two.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/Masterminds/sprig/v3"
	"github.com/coder/websocket"
	"github.com/expr-lang/expr"
	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"
)

func main() {
	c := &cobra.Command{Use: "libraries FILE URL MESSAGE", Args: cobra.ExactArgs(3), RunE: func(_ *cobra.Command, args []string) error {
		return job(args[0], args[1], args[2])
	}}
	if err := c.Execute(); err != nil {
		os.Exit(1)
	}
}

// job reads a workflow, compiles an assertion, checks the websocket and evaluates it.
func job(file, url, message string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return err
	}
	results := map[string]any{"connection": false, "upper": sprig.TxtFuncMap()["upper"]}
	assertion, err := expr.Compile("connection == true", expr.Env(results))
	if err != nil {
		return err
	}
	if err := check(url, message); err != nil {
		return err
	}
	results["connection"] = true
	held, err := expr.Run(assertion, results)
	fmt.Println(held)
	return err
}

func check(url, message string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		return err
	}
	defer c.CloseNow()
	if err := c.Write(ctx, websocket.MessageText, []byte(message)); err != nil {
		return err
	}
	if _, _, err := c.Read(ctx); err != nil {
		return err
	}
	return c.Close(websocket.StatusNormalClosure, "")
}

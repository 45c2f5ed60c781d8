package cmd_test

import "strings"

// yamlBlocks are the workflows in the fenced blocks of a Markdown text.
func yamlBlocks(text string) []string {
	var blocks []string
	for {
		_, rest, ok := strings.Cut(text, "```yaml\n")
		if !ok {
			return blocks
		}
		block, after, ok := strings.Cut(rest, "```")
		if !ok {
			return blocks
		}
		if strings.Contains(block, "workflow:\n") || strings.Contains(block, "alert:\n") {
			blocks = append(blocks, block)
		}
		text = after
	}
}

package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"time"
)

func seconds(text string) (float64, error) {
	d, err := time.ParseDuration(text)
	return d.Seconds(), err
}

// The plot: a row for each figure that has a goal, with a dot at what share of it is
// used, on an axis on which twice and half are as far from the goal.
const (
	rowHeight = 24
	top       = 78
	left      = 350 // where the axis begins
	right     = 750 // and ends
	width     = 960
	lowest    = 0.01
	highest   = 10.0
)

const style = `
svg { font: 13px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; background: #fff; }
text { fill: #1c2024; } .faint { fill: #6a727a; } .title { font-size: 17px; font-weight: 600; }
.grid { stroke: #e4e7ea; } .goal { stroke: #1c2024; stroke-width: 1.5; }
.met { stroke: #1a7f5a; fill: #1a7f5a; } .missed { stroke: #c4462a; fill: #c4462a; } .stem { stroke-width: 3; }
text.met { fill: #1a7f5a; stroke: none; } text.missed { fill: #c4462a; stroke: none; }
@media (prefers-color-scheme: dark) {
	svg { background: #14171a; } text { fill: #e6e9ec; } .faint { fill: #929ba3; }
	.grid { stroke: #2a2f35; } .goal { stroke: #e6e9ec; }
	.met { stroke: #4cc38a; fill: #4cc38a; } .missed { stroke: #ff8a6b; fill: #ff8a6b; }
	text.met { fill: #4cc38a; } text.missed { fill: #ff8a6b; }
}`

func plot(r report) []byte {
	var rows []figure
	for _, f := range r.Figures {
		if f.Goal != 0 {
			rows = append(rows, f)
		}
	}
	bottom := top + rowHeight*len(rows)
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%[2]d" role="img" aria-label="Figures and their goals">`, width, bottom+64)
	fmt.Fprintf(&b, "\n<style>%s\n</style>\n", style)
	text(&b, "title", 16, 28, "start", "How much of what the goal allows")
	text(&b, "faint", 16, 48, "start", fmt.Sprintf("%s, %s, %d cores, %s, load %s", r.Version, r.Date.Format(time.DateOnly), r.Machine.Cores, r.Machine.Go, r.Machine.Load))
	axis(&b, bottom)
	for i, f := range rows {
		row(&b, f, top+rowHeight*i+rowHeight/2)
	}
	fmt.Fprintln(&b, "</svg>")
	return b.Bytes()
}

// axis draws the scale and the line of the goal.
func axis(b *bytes.Buffer, bottom int) {
	for _, v := range []float64{0.01, 0.03, 0.1, 0.3, 1, 3, 10} {
		class := "grid"
		if v == 1 {
			class = "goal"
		}
		fmt.Fprintf(b, `<line class="%s" x1="%.1f" y1="%d" x2="%.1[2]f" y2="%[4]d"/>`+"\n", class, x(v), top-4, bottom+4)
		text(b, "faint", x(v), bottom+20, "middle", number(v))
	}
	text(b, "", x(1), top-10, "middle", "goal")
	text(b, "faint", x(0.1), bottom+42, "middle", "better")
	text(b, "faint", x(math.Sqrt(10)), bottom+42, "middle", "missed")
}

// row draws one figure: its name, a stem from the goal to it, and what was measured.
func row(b *bytes.Buffer, f figure, y int) {
	class := f.verdict()
	if f.missed() {
		class = "missed"
	}
	at := x(f.Share)
	text(b, "", left-14, y+4, "end", f.What)
	fmt.Fprintf(b, `<line class="stem %s" x1="%.1f" y1="%d" x2="%.1f" y2="%[3]d"/><circle class="%[1]s" cx="%.1[4]f" cy="%[3]d" r="5"/>`+"\n", class, x(1), y, at)
	text(b, class, right+16, y+4, "start", number(f.Value)+" "+f.Unit)
	text(b, "faint", right+106, y+4, "start", f.goal())
}

// x is where a share is on the axis, at its ends what is beyond.
func x(share float64) float64 {
	share = min(max(share, lowest), highest)
	return left + (right-left)*math.Log(share/lowest)/math.Log(highest/lowest)
}

func text(b *bytes.Buffer, class string, x float64, y int, anchor, s string) {
	if class != "" {
		class = fmt.Sprintf(` class="%s"`, class)
	}
	fmt.Fprintf(b, `<text%s x="%.1f" y="%d" text-anchor="%s">%s</text>`+"\n", class, x, y, anchor, html.EscapeString(s))
}

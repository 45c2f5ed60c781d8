package engine

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"strconv"

	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/schema"
)

// stddevCondition holds when one of several values is further from their mean than so
// many standard deviations (spec §6.4).
func stddevCondition(c *compiler, p workflows.Part) (check, bool) {
	v, ok := c.required(p, "value")
	limit, ok2 := c.required(p, "compare_to")
	if !ok || !ok2 {
		return check{}, false
	}
	d := &stddev{values: c.param(v, schema.List), limit: c.param(limit, schema.Number)}
	if pivot, ok := key(p, "pivot_column"); ok {
		d.pivot = value.Text(pivot.Plain())
	}
	text := fmt.Sprintf("%s: more than %s standard deviations", short(value.Text(v.Plain())), value.Text(limit.Plain()))
	return check{text: text, at: v, decide: d.decide}, true
}

type stddev struct {
	values, limit param
	pivot         string // index or key of the number in each value; "": the value is one
}

func (d *stddev) decide(ctx context.Context, f *frame) (verdict, error) {
	v, err := d.values.render(ctx, &f.scope)
	if err != nil {
		return verdict{}, err
	}
	limit, err := d.limit.render(ctx, &f.scope)
	if err != nil {
		return verdict{}, err
	}
	most, ok := number(limit.Plain())
	if !ok {
		return verdict{}, fmt.Errorf("compare_to is a number of standard deviations, not %s", quoted(value.Text(limit.Plain())))
	}
	numbers, err := d.numbers(v.Plain())
	if err != nil {
		return verdict{}, err
	}
	return furthest(numbers, most), nil
}

func (d *stddev) numbers(v any) ([]float64, error) {
	list, ok := listOf(v)
	if !ok {
		return nil, fmt.Errorf("standard deviations are of a list, not of %s", quoted(value.Text(v)))
	}
	if len(list) < 2 {
		return nil, fmt.Errorf("standard deviations need at least two values, here are %d", len(list))
	}
	numbers := make([]float64, len(list))
	for i, item := range list {
		if d.pivot != "" {
			item, _ = value.Member(item, d.pivot)
		}
		if numbers[i], ok = number(item); !ok {
			return nil, fmt.Errorf("value %d is not a number: %s", i+1, quoted(value.Text(item)))
		}
	}
	return numbers, nil
}

// furthest looks for the value furthest from the mean.
func furthest(numbers []float64, most float64) verdict {
	mean, sd := spread(numbers)
	far, at := 0.0, numbers[0]
	for _, n := range numbers {
		if d := math.Abs(n-mean) / sd; sd > 0 && d > far {
			far, at = d, n
		}
	}
	v := verdict{held: far > most, value: at, against: most, deviation: sd}
	v.words = fmt.Sprintf("%s is %.2f standard deviations from the mean of %s, not more than %s", decimal(at), far, decimal(mean), decimal(most))
	if v.held {
		v.words = fmt.Sprintf("%s is %.2f standard deviations from the mean of %s, more than %s", decimal(at), far, decimal(mean), decimal(most))
	}
	return v
}

// spread is the mean and the standard deviation of a sample.
func spread(numbers []float64) (mean, sd float64) {
	for _, n := range numbers {
		mean += n / float64(len(numbers))
	}
	for _, n := range numbers {
		sd += (n - mean) * (n - mean) / float64(len(numbers)-1)
	}
	return mean, math.Sqrt(sd)
}

// number is v as one; texts of digits count.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, !math.IsNaN(v) && !math.IsInf(v, 0)
	case *big.Int:
		f, _ := new(big.Float).SetInt(v).Float64()
		return f, !math.IsInf(f, 0)
	case string:
		q, ok := parseQuantity(v)
		return q.n, ok && !q.percent
	}
	return 0, false
}

func decimal(n float64) string { return strconv.FormatFloat(n, 'g', 6, 64) }

// listOf is v as a list.
func listOf(v any) ([]any, bool) {
	switch v := v.(type) {
	case []any:
		return v, true
	case value.Tuple:
		return v, true
	}
	return nil, false
}

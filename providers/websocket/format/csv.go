package format

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// CSV are the options of csv.
type CSV struct {
	HeaderRows   int      `param:"csv_header_row_count" doc:"For csv: how many rows name the columns; the names in one column are put together."`
	Columns      []string `param:"csv_column_names" doc:"For csv: names of the columns, instead of those in the header."`
	Types        []string `param:"csv_column_types" enum:"int,float,bool,string" doc:"For csv: types of the columns; if absent each value is what it looks like."`
	Delimiter    string   `param:"csv_delimiter" doc:"For csv: what stands between values; a comma if absent."`
	Comment      string   `param:"csv_comment" doc:"For csv: what lines begin with that are no rows."`
	TrimSpace    bool     `param:"csv_trim_space" doc:"For csv: leave out blanks around values."`
	SkipRows     int      `param:"csv_skip_rows" doc:"For csv: how many rows before the header are left out."`
	SkipColumns  int      `param:"csv_skip_columns" doc:"For csv: how many columns at the left are left out."`
	SkipValues   []string `param:"csv_skip_values" doc:"For csv: values that stand for none."`
	Tags         []string `param:"csv_tag_columns" doc:"For csv: columns that become tags."`
	Name         string   `param:"csv_measurement_column" doc:"For csv: column of the metric's name."`
	Time         string   `param:"csv_timestamp_column" doc:"For csv: column of the metric's time."`
	TimeFormat   string   `param:"csv_timestamp_format" doc:"For csv: how that is written: unix, unix_ms, unix_us, unix_ns, or a layout of Go's."`
	Timezone     string   `param:"csv_timezone" doc:"For csv: time zone of times without one; UTC if absent."`
	SkipProblems bool     `param:"csv_skip_errors" doc:"For csv: leave out rows that are wrong instead of failing."`
}

type csvReader struct {
	CSV
	delimiter, comment rune
	clock              clock
}

func newCSV(o *Options) (func([]byte, time.Time) (entries, error), error) {
	r := &csvReader{CSV: o.CSV}
	switch {
	case r.HeaderRows < 0 || r.SkipRows < 0 || r.SkipColumns < 0:
		return nil, errors.New("csv_header_row_count, csv_skip_rows and csv_skip_columns must not be negative")
	case r.HeaderRows == 0 && len(r.Columns) == 0:
		return nil, errors.New("data_format: csv needs csv_header_row_count or csv_column_names")
	case len(r.Types) > 0 && len(r.Columns) > 0 && len(r.Types) != len(r.Columns):
		return nil, fmt.Errorf("csv_column_types are %d, csv_column_names %d", len(r.Types), len(r.Columns))
	case r.Time != "" && r.TimeFormat == "":
		return nil, errors.New("csv_timestamp_column needs csv_timestamp_format")
	}
	var err error
	if r.delimiter, err = character("csv_delimiter", r.Delimiter, ','); err != nil {
		return nil, err
	}
	if r.comment, err = character("csv_comment", r.Comment, 0); err != nil {
		return nil, err
	}
	if r.comment == r.delimiter {
		return nil, errors.New("csv_comment and csv_delimiter are the same")
	}
	r.clock, err = newClock("csv_timezone", r.TimeFormat, r.Timezone, "unix")
	return r.read, err
}

// character is the one character of an option.
func character(option, text string, fallback rune) (rune, error) {
	if text == "" {
		return fallback, nil
	}
	c, size := utf8.DecodeRuneInString(text)
	if size != len(text) || c == utf8.RuneError || c == '"' || c == '\n' || c == '\r' {
		return 0, fmt.Errorf("%s: %q is not one character", option, text)
	}
	return c, nil
}

func (r *csvReader) read(data []byte, _ time.Time) (out entries, err error) {
	data = skipLines(bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF")), r.SkipRows)
	rows := csv.NewReader(bytes.NewReader(data))
	rows.Comma, rows.Comment = r.delimiter, r.comment
	rows.FieldsPerRecord = -1
	rows.TrimLeadingSpace = r.TrimSpace
	rows.ReuseRecord = true
	names, err := r.header(rows)
	if err != nil {
		return out, err
	}
	for {
		row, err := rows.Read()
		if err == io.EOF {
			return out, nil
		}
		var m metric
		if err == nil {
			m, err = r.row(names, row)
			if err != nil {
				line, _ := rows.FieldPos(0)
				err = fmt.Errorf("line %d: %w", line+r.SkipRows, err)
			}
		}
		switch {
		case err == nil:
			out.metrics = append(out.metrics, m)
		case !r.SkipProblems:
			return out, err
		}
	}
}

// skipLines is data without its first n lines.
func skipLines(data []byte, n int) []byte {
	for range n {
		_, data, _ = bytes.Cut(data, []byte("\n"))
	}
	return data
}

// header reads the names of the columns.
func (r *csvReader) header(rows *csv.Reader) ([]string, error) {
	var names []string
	for range r.HeaderRows {
		row, err := rows.Read()
		if err == io.EOF {
			return nil, errors.New("the header is missing")
		}
		if err != nil {
			return nil, err
		}
		for i, part := range row {
			if i == len(names) {
				names = append(names, "")
			}
			names[i] += r.trimmed(part)
		}
	}
	if len(r.Columns) > 0 {
		names = append(make([]string, r.SkipColumns), r.Columns...)
	}
	if r.SkipColumns >= len(names) {
		return nil, errors.New("there are no columns left")
	}
	return names, nil
}

func (r *csvReader) trimmed(text string) string {
	if r.TrimSpace {
		text = strings.TrimSpace(text)
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// row makes a metric of a row.
func (r *csvReader) row(names, row []string) (metric, error) {
	m := newMetric()
	for i := r.SkipColumns; i < min(len(names), len(row)); i++ {
		name, text := names[i], r.trimmed(row[i])
		var err error
		switch {
		case name == "" || slices.Contains(r.SkipValues, text):
		case slices.Contains(r.Tags, name):
			m.tags.Set(name, text)
		case name == r.Name:
			m.name = text
		case name == r.Time:
			m.time, err = r.clock.read(text)
		default:
			var v any
			if v, err = r.typed(i-r.SkipColumns, text); err == nil {
				m.fields.Set(name, v)
			}
		}
		if err != nil {
			return m, fmt.Errorf("column %q: %w", name, err)
		}
	}
	if r.Time != "" && m.time.IsZero() {
		return m, fmt.Errorf("there is no %s", r.Time)
	}
	return m, nil
}

// typed is the value of column i.
func (r *csvReader) typed(i int, text string) (any, error) {
	if len(r.Types) == 0 {
		return guessed(text), nil
	}
	if i >= len(r.Types) {
		return nil, errors.New("it has no type in csv_column_types")
	}
	return converted(text, r.Types[i])
}

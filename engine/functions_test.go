package engine

import (
	"slices"
	"strings"
	"testing"
)

// TestKeepsFunctions: texts can call each of the 47 functions that Keep has (spec §5), and
// nothing else as keep.something.
func TestKeepsFunctions(t *testing.T) {
	want := strings.Fields(`add add_time_to_date all capitalize datetime_compare dict_filter_by_prefix dict_merge
		dict_pop dict_pop_prefix dict_set dict_to_key_value_list dictget diff div encode eq exp fdiv first
		from_timestamp get_firing_time index is_business_hours is_first_time join json_dumps json_loads last len
		lowercase mod mul remove_newlines replace slice split strip sub substract_minutes timestamp_delta title
		to_timestamp to_utc uppercase utcnow utcnowiso utcnowtimestamp`)
	var got []string
	for _, f := range Functions().All() {
		if name, ok := strings.CutPrefix(f.Name, "keep."); ok {
			got = append(got, name)
		}
	}
	if len(want) != 47 || !slices.Equal(got, want) {
		t.Errorf("%d functions: %v", len(got), got)
	}
}

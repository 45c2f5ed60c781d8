package server

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"tocsin/engine/enrich"
	"tocsin/templating/value"
)

const (
	maxMappings  = 50
	maxTableText = 8 << 20 // bytes of all tables
	noMapping    = "Rule not found"
)

func keepMappingRoutes() []route {
	const one = "/mapping/{id}"
	return []route{
		get("/mapping", reading, "Keep's: rules that look up fields of alerts in a table, without their tables.", func(c *call) ([]keepMapping, error) {
			s, err := readShelf[keptMapping](c.Context(), c.s.Store, mappingShelf)
			list := []keepMapping{}
			for _, m := range s.Rules {
				list = append(list, m.keepMapping)
			}
			return list, err
		}),
		send("POST", "/mapping", authoring, "Keep's: make such a rule, which counts for alerts that come in from then on.", makeMapping),
		get(one, reading, "Such a rule with its table.", func(c *call) (keptMapping, error) {
			s, err := readShelf[keptMapping](c.Context(), c.s.Store, mappingShelf)
			if err != nil {
				return keptMapping{}, err
			}
			i, err := numbered(c, s.Rules, noMapping, keptMapping.id)
			if err != nil {
				return keptMapping{}, err
			}
			return s.Rules[i], nil
		}),
		revise[newMapping](one, authoring, "Keep's: change such a rule: what is left out stays, the table too.", changeMapping),
		get(one, authoring, "Keep's: delete such a rule. What it added to alerts stays there.", func(c *call) (keepMessage, error) {
			return reshelve(c, mappingShelf, func(s *shelf[keptMapping]) (keepMessage, error) {
				i, err := numbered(c, s.Rules, noMapping, keptMapping.id)
				if err == nil {
					s.Rules = append(s.Rules[:i], s.Rules[i+1:]...)
				}
				return keepMessage{"Rule deleted successfully"}, err
			})
		}).by("DELETE"),
	}
}

// A newMapping is what a mapping rule is to be.
type newMapping struct {
	Name        string       `json:"name"`
	Description string       `json:"description,omitempty"`
	File        string       `json:"file_name,omitempty" doc:"What the table was called."`
	Priority    int          `json:"priority,omitempty" doc:"Higher ones are first."`
	Matchers    data         `json:"matchers" doc:"Groups of attributes by which rows are found, [[\"service\", \"region\"], [\"host\"]]: all of a group, any of the groups. Or texts: [\"service && region\", \"host\"]."`
	Rows        []*value.Map `json:"rows" doc:"Objects of columns and what they say."`
	Type        string       `json:"type,omitempty" doc:"csv."`
	Disabled    bool         `json:"disabled,omitempty"`
	Multi       bool         `json:"is_multi_level,omitempty" doc:"The attribute is a list: rows of each of its values are added under new_property_name."`
	Property    string       `json:"new_property_name,omitempty"`
	Remove      string       `json:"prefix_to_remove,omitempty" doc:"Taken out of each value of the list."`
}

// A keepMapping is a mapping rule as Keep's clients know it.
type keepMapping struct {
	ID          int64      `json:"id"`
	Name        string     `json:"name"`
	Description string     `json:"description"`
	File        string     `json:"file_name"`
	Priority    int        `json:"priority"`
	Matchers    data       `json:"matchers" doc:"As they came."`
	Attributes  []string   `json:"attributes" doc:"The columns that are added to alerts."`
	Type        string     `json:"type"`
	Disabled    bool       `json:"disabled"`
	Multi       bool       `json:"is_multi_level"`
	Property    *string    `json:"new_property_name"`
	Remove      *string    `json:"prefix_to_remove"`
	CreatedBy   string     `json:"created_by"`
	Created     time.Time  `json:"created_at"`
	UpdatedBy   *string    `json:"updated_by"`
	Updated     *time.Time `json:"last_updated_at"`
}

// A keptMapping is a mapping rule with its table.
type keptMapping struct {
	keepMapping
	Rows []*value.Map `json:"rows"`
}

func (m keptMapping) id() int64 { return m.ID }

func (m keptMapping) rule() enrich.Mapping {
	groups, _ := matcherGroups(m.Matchers)
	return enrich.Mapping{
		ID: m.ID, Name: m.Name, Priority: m.Priority, Matchers: groups, Rows: m.Rows, Disabled: m.Disabled,
		Multi: m.Multi, Property: textOf(m.Property), Remove: textOf(m.Remove),
	}
}

// input is what the rule was made of.
func (m keptMapping) input() newMapping {
	return newMapping{m.Name, m.Description, m.File, m.Priority, m.Matchers, m.Rows, m.Type, m.Disabled, m.Multi, textOf(m.Property), textOf(m.Remove)}
}

// textOf is a text that may be missing.
func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// someText is s, nil if it says nothing.
func someText(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// matcherGroups are groups of attributes, which come as lists of lists from Keep's page
// and as texts from its command line.
func matcherGroups(d data) ([][]string, error) {
	wrong := refuse(http.StatusBadRequest, `matchers: give [["service", "region"], ["host"]], or ["service && region", "host"]`)
	list, ok := d.v.([]any)
	if !ok {
		return nil, wrong
	}
	var groups [][]string
	for _, item := range list {
		var group []string
		switch item := item.(type) {
		case string:
			for name := range strings.SplitSeq(item, "&&") {
				group = append(group, strings.TrimSpace(name))
			}
		case []any:
			for _, name := range item {
				s, ok := name.(string)
				if !ok {
					return nil, wrong
				}
				group = append(group, strings.TrimSpace(s))
			}
		default:
			return nil, wrong
		}
		groups = append(groups, group)
	}
	return groups, nil
}

// set makes the rule what it is to be, if it can be that.
func (m *keptMapping) set(in newMapping) error {
	if _, err := matcherGroups(in.Matchers); err != nil {
		return err
	}
	switch in.Type {
	case "", "csv":
	case "topology":
		return refuse(http.StatusBadRequest, "type: there is no topology here: give rows, and csv")
	default:
		return refuse(http.StatusBadRequest, "type: csv is the only one")
	}
	for _, row := range in.Rows {
		if row == nil {
			return refuse(http.StatusBadRequest, "rows: each is an object of columns")
		}
	}
	m.Name, m.Description, m.File, m.Priority, m.Matchers = in.Name, in.Description, short(in.File), in.Priority, in.Matchers
	m.Rows, m.Type, m.Disabled = in.Rows, "csv", in.Disabled
	m.Multi, m.Property, m.Remove = in.Multi, someText(in.Property), someText(in.Remove)
	rule := m.rule()
	m.Attributes = rule.Attributes()
	return checkRule(in.Description, rule)
}

// fitting says that the tables are not too much together.
func fitting(rules []keptMapping) error {
	size := 0
	for _, m := range rules {
		for _, row := range m.Rows {
			size += len(value.AppendJSON(nil, row))
		}
	}
	if size > maxTableText || len(rules) > maxMappings {
		return refuse(http.StatusBadRequest, "there are at most %d mapping rules, with tables of %d MiB together", maxMappings, maxTableText>>20)
	}
	return nil
}

func makeMapping(c *call, in newMapping) (keepMapping, error) {
	return reshelve(c, mappingShelf, func(s *shelf[keptMapping]) (keepMapping, error) {
		m := keptMapping{keepMapping: keepMapping{ID: s.Last + 1, CreatedBy: c.who.name, Created: c.s.Now().UTC()}}
		if err := m.set(in); err != nil {
			return m.keepMapping, err
		}
		c.about(strconv.FormatInt(m.ID, 10), "%s: %s", short(m.Name), plural(len(m.Rows), "row"))
		s.Last, s.Rules = m.ID, append(s.Rules, m)
		return m.keepMapping, fitting(s.Rules)
	})
}

func changeMapping(c *call) (keepMapping, error) {
	text, err := c.body()
	if err != nil {
		return keepMapping{}, err
	}
	return reshelve(c, mappingShelf, func(s *shelf[keptMapping]) (keepMapping, error) {
		i, err := numbered(c, s.Rules, noMapping, keptMapping.id)
		if err != nil {
			return keepMapping{}, err
		}
		m := s.Rules[i]
		in := m.input()
		in.Rows = nil // or they would be written over one by one
		if err := c.decodeText(text, &in); err != nil {
			return m.keepMapping, err
		}
		if in.Rows == nil {
			in.Rows = m.Rows
		}
		if err := m.set(in); err != nil {
			return m.keepMapping, err
		}
		m.UpdatedBy, m.Updated = &c.who.name, whenever(c.s.Now().UTC())
		s.Rules[i] = m
		return m.keepMapping, fitting(s.Rules)
	})
}

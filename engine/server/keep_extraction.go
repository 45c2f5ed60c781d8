package server

import (
	"net/http"
	"strconv"
	"time"

	"tocsin/engine/enrich"
)

const (
	maxExtractions = 100
	noExtraction   = "Extraction rule not found"
)

func keepExtractionRoutes() []route {
	const one = "/extraction/{id}"
	return []route{
		get("/extraction", reading, "Keep's: rules that take fields of alerts out of their texts.", func(c *call) ([]keepExtraction, error) {
			s, err := readShelf[keepExtraction](c.Context(), c.s.Store, extractionShelf)
			return append([]keepExtraction{}, s.Rules...), err
		}),
		send("POST", "/extraction", authoring, "Keep's: make such a rule, which counts for alerts that come in from then on.", makeExtraction),
		revise[newExtraction](one, authoring, "Keep's: change such a rule: what is left out stays.", changeExtraction),
		get(one, authoring, "Keep's: delete such a rule. What it added to alerts stays there.", func(c *call) (keepMessage, error) {
			return reshelve(c, extractionShelf, func(s *shelf[keepExtraction]) (keepMessage, error) {
				i, err := numbered(c, s.Rules, noExtraction, keepExtraction.id)
				if err == nil {
					s.Rules = append(s.Rules[:i], s.Rules[i+1:]...)
				}
				return keepMessage{"Extraction rule deleted successfully"}, err
			})
		}).by("DELETE"),
	}
}

// A newExtraction is what an extraction rule is to be.
type newExtraction struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Priority    int    `json:"priority,omitempty" doc:"Higher ones are first."`
	Attribute   string `json:"attribute" doc:"Of which text: message, labels.host, or a text with {{ }}."`
	Condition   string `json:"condition,omitempty" doc:"In CEL; empty or *: always."`
	Disabled    bool   `json:"disabled,omitempty"`
	Regex       string `json:"regex" doc:"A pattern of RE2, whose named groups are the fields: (?P<name>...)."`
	Pre         bool   `json:"pre,omitempty" doc:"It is about what was delivered, before that is read as alerts."`
}

// A keepExtraction is an extraction rule as Keep's clients know it.
type keepExtraction struct {
	ID          int64      `json:"id"`
	Name        string     `json:"name"`
	Description string     `json:"description"`
	Priority    int        `json:"priority"`
	Attribute   string     `json:"attribute"`
	Condition   string     `json:"condition"`
	Disabled    bool       `json:"disabled"`
	Regex       string     `json:"regex"`
	Pre         bool       `json:"pre"`
	CreatedBy   string     `json:"created_by"`
	Created     time.Time  `json:"created_at"`
	UpdatedBy   *string    `json:"updated_by"`
	Updated     *time.Time `json:"updated_at"`
}

func (x keepExtraction) id() int64 { return x.ID }

func (x keepExtraction) rule() enrich.Extraction {
	return enrich.Extraction{
		ID: x.ID, Name: x.Name, Priority: x.Priority, Attribute: x.Attribute, Condition: x.Condition, Regex: x.Regex,
		Pre: x.Pre, Disabled: x.Disabled,
	}
}

// input is what the rule was made of.
func (x keepExtraction) input() newExtraction {
	return newExtraction{x.Name, x.Description, x.Priority, x.Attribute, x.Condition, x.Disabled, x.Regex, x.Pre}
}

// set makes the rule what it is to be, if it can be that.
func (x *keepExtraction) set(in newExtraction) error {
	x.Name, x.Description, x.Priority, x.Attribute = in.Name, in.Description, in.Priority, in.Attribute
	x.Condition, x.Disabled, x.Regex, x.Pre = in.Condition, in.Disabled, in.Regex, in.Pre
	return checkRule(in.Description, x.rule())
}

// checkRule says what is wrong with a rule.
func checkRule(description string, rule interface{ Check() error }) error {
	if len(description) > maxDescription {
		return refuse(http.StatusBadRequest, "the description is longer than %d bytes", maxDescription)
	}
	if err := rule.Check(); err != nil {
		return refuse(http.StatusBadRequest, "%v", err)
	}
	return nil
}

// maxDescription is how long the description of a rule may be, in bytes.
const maxDescription = 2048

func makeExtraction(c *call, in newExtraction) (keepExtraction, error) {
	return reshelve(c, extractionShelf, func(s *shelf[keepExtraction]) (keepExtraction, error) {
		x := keepExtraction{ID: s.Last + 1, CreatedBy: c.who.name, Created: c.s.Now().UTC()}
		if len(s.Rules) >= maxExtractions {
			return x, refuse(http.StatusBadRequest, "there are at most %d extraction rules", maxExtractions)
		}
		if err := x.set(in); err != nil {
			return x, err
		}
		c.about(strconv.FormatInt(x.ID, 10), "%s", short(x.Name))
		s.Last, s.Rules = x.ID, append(s.Rules, x)
		return x, nil
	})
}

func changeExtraction(c *call) (keepExtraction, error) {
	text, err := c.body()
	if err != nil {
		return keepExtraction{}, err
	}
	return reshelve(c, extractionShelf, func(s *shelf[keepExtraction]) (x keepExtraction, err error) {
		i, err := numbered(c, s.Rules, noExtraction, keepExtraction.id)
		if err != nil {
			return x, err
		}
		x = s.Rules[i]
		in := x.input()
		if err := c.decodeText(text, &in); err != nil {
			return x, err
		}
		if err := x.set(in); err != nil {
			return x, err
		}
		x.UpdatedBy, x.Updated = &c.who.name, whenever(c.s.Now().UTC())
		s.Rules[i] = x
		return x, nil
	})
}

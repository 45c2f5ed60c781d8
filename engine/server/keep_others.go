package server

func keepOtherRoutes() []route {
	return []route{
		get("/whoami", reading, "Keep's: who you are here.", func(c *call) (whoami, error) { return c.whoami(), nil }),
		get("/status", reading, "Keep's: that the process works.", func(*call) (keepState, error) { return keepState{"OK", true}, nil }),
		get("/providers", reading, "Keep's: configurations of providers, without what is in them.", keepProviderList),
	}
}

type keepState struct {
	Status   string `json:"status"`
	Consumer bool   `json:"consumer"`
}

// keepProviderPage is what Keep answers about providers.
type keepProviderPage struct {
	Providers []keepInstallable `json:"providers" doc:"Types that there are."`
	Installed []keepInstalled   `json:"installed_providers"`
	Linked    []keepInstalled   `json:"linked_providers"`
}

type keepInstallable struct {
	Type      string `json:"type"`
	Name      string `json:"display_name"`
	CanQuery  bool   `json:"can_query"`
	CanNotify bool   `json:"can_notify"`
}

type keepInstalled struct {
	ID        string              `json:"id"`
	Type      string              `json:"type"`
	Name      string              `json:"display_name"`
	Installed bool                `json:"installed"`
	Details   map[string]struct{} `json:"details" doc:"Nothing: what is in a configuration is not shown."`
}

func keepProviderList(c *call) (keepProviderPage, error) {
	p := keepProviderPage{[]keepInstallable{}, []keepInstalled{}, []keepInstalled{}}
	if c.s.Registry != nil {
		for _, t := range c.s.Registry.All() {
			p.Providers = append(p.Providers, keepInstallable{t.Type, t.Title, t.Query != nil, t.Notify != nil})
		}
	}
	for _, v := range c.s.configured() {
		p.Installed = append(p.Installed, keepInstalled{v.Name, v.Type, v.Name, true, map[string]struct{}{}})
	}
	return p, nil
}

package server

func keepOtherRoutes() []route {
	return []route{
		get("/whoami", reading, "Keep's: who you are here.", func(c *call) (whoami, error) { return c.whoami(), nil }),
		get("/status", reading, "Keep's: that the process works.", func(*call) (keepState, error) { return keepState{"OK", true}, nil }),
	}
}

type keepState struct {
	Status   string `json:"status"`
	Consumer bool   `json:"consumer"`
}

package server

import (
	"context"

	"tocsin/engine/ingest"
	"tocsin/engine/store"
)

// ownSource is whence alerts come that the program makes of itself.
const ownSource = "tocsin"

// Raise keeps an alert about the program itself, and starts what waits for it if start is
// set. It is on disk when Raise returns.
func (s *Server) Raise(ctx context.Context, alert map[string]any, start bool) error {
	s.init()
	now := s.Now().UTC()
	if start {
		_, err := s.accept(ctx, store.Once{}, ownSource, []ingest.Alert{alert}, now)
		return err
	}
	normal, err := normalized([]ingest.Alert{alert}, now)
	if err != nil {
		return err
	}
	_, err = s.Store.Accept(ctx, ownSource, normal, nil)
	return err
}

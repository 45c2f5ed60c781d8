package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"tocsin/engine/ingest"
)

// Deliveries that were taken in are remembered on disk, so that none is taken in a second
// time, not even after the process was started anew (reliability.md, H1). They are in a
// few sheets, each small enough to be written each time.
const (
	sheets   = 64
	maxSheet = 512 // deliveries of a sheet: beyond it the oldest are forgotten
)

// A seen is a delivery that was taken in.
type seen struct {
	ID    string    `json:"id"`
	Until time.Time `json:"until"`
}

func sheetOf(proof ingest.Proof) (sheet, id string) {
	sum := sha256.Sum256([]byte(proof.ID))
	return "seen/" + hex.EncodeToString([]byte{sum[0] % sheets}), hex.EncodeToString(sum[:16])
}

// replayed says that a delivery was taken in already.
func (s *Server) replayed(ctx context.Context, proof ingest.Proof, now time.Time) (bool, error) {
	if proof.ID == "" {
		return false, nil
	}
	sheet, id := sheetOf(proof)
	var list []seen
	if _, err := s.Store.Meta(ctx, sheet, &list); err != nil {
		return false, err
	}
	for _, d := range list {
		if d.ID == id && now.Before(d.Until) {
			return true, nil
		}
	}
	return false, nil
}

// remember notes that a delivery was taken in: after it was, so that what went wrong may
// be sent again. Until then two of them at the same time are both taken in, as one alert
// that came twice.
func (s *Server) remember(ctx context.Context, proof ingest.Proof, now time.Time) error {
	if proof.ID == "" {
		return nil
	}
	s.replays.Lock()
	defer s.replays.Unlock()
	sheet, id := sheetOf(proof)
	var list []seen
	if _, err := s.Store.Meta(ctx, sheet, &list); err != nil {
		return err
	}
	kept := make([]seen, 0, len(list)+1)
	for _, d := range list {
		if now.Before(d.Until) {
			kept = append(kept, d)
		}
	}
	kept = append(kept[max(0, len(kept)-maxSheet+1):], seen{id, now.Add(proof.Keep)})
	return s.Store.SetMeta(ctx, sheet, kept)
}

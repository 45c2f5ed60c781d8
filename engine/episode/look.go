package episode

import "time"

// Look is what is known of an alert, and the silence that covers it for the longest; nil:
// none. ok is false where nothing is known.
func (b *Book) Look(k Key, now time.Time) (r Record, silence *Silence, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	had := b.records[k]
	if had == nil {
		return Record{}, nil, false
	}
	return *had, b.silenced(had, now), true
}

-- What whoever sends messages has to know of them, and whether somebody was told of
-- those that are dead.

ALTER TABLE deliveries ADD COLUMN episode TEXT NOT NULL DEFAULT ''; -- the alert that it is about, and whom it tells; '': none that lasts
ALTER TABLE deliveries ADD COLUMN kind TEXT NOT NULL DEFAULT ''; -- what it says of that: 'fire', 'resolved'; or 'digest'
ALTER TABLE deliveries ADD COLUMN severity TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0; -- of the process, during an attempt
ALTER TABLE deliveries ADD COLUMN expires INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN reported INTEGER NOT NULL DEFAULT 0; -- when somebody was told that it is dead

CREATE INDEX deliveries_waiting ON deliveries (destination, no) WHERE ended = 0;
CREATE INDEX deliveries_episode ON deliveries (episode, no) WHERE episode <> '';
CREATE INDEX deliveries_digest ON deliveries (destination, no) WHERE ended = 0 AND kind = 'digest';
CREATE INDEX deliveries_unreported ON deliveries (no) WHERE state = 'dead' AND reported = 0;

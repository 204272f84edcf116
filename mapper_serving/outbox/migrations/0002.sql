-- Which commit of a writer was its last, written in that commit: how one that was cut off is known to have taken place.
-- Transaction ids do not tell: a server that crashes gives those out again that it had not yet written to disk.

CREATE TABLE mapper.writers (
    writer uuid PRIMARY KEY, commits bigint NOT NULL, seen_at timestamptz NOT NULL
) WITH (fillfactor = 50);

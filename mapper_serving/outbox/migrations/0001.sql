-- The outbox in PostgreSQL. Row-level security is forced, so not even the owner sees another tenant's rows: a
-- transaction says whose rows it is about in the setting mapper.tenant, and sees and writes only those.

CREATE TABLE mapper.tenants (tenant_id text PRIMARY KEY);
COMMENT ON TABLE mapper.tenants IS 'Whose days there are to look through; names only, so not under row-level security.';

CREATE TABLE mapper.days (
    tenant_id text NOT NULL, day date NOT NULL,
    accepted bigint NOT NULL, rejected bigint NOT NULL,
    shipped_accepted bigint NOT NULL DEFAULT 0, shipped_rejected bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, day)
) WITH (fillfactor = 50);

CREATE TABLE mapper.events (
    tenant_id text NOT NULL, day date NOT NULL, sequence bigint NOT NULL,
    event_id text NOT NULL, recorded_at timestamptz NOT NULL, record text NOT NULL, event text NOT NULL,
    PRIMARY KEY (tenant_id, day, sequence)
);

CREATE TABLE mapper.rejections (
    tenant_id text NOT NULL, day date NOT NULL, sequence bigint NOT NULL,
    rejection_id text NOT NULL, occurred_at timestamptz NOT NULL, code text NOT NULL,
    PRIMARY KEY (tenant_id, day, sequence)
);

-- At most one shipment a day: whoever locks its row ships it, and its bounds stay until it is done.
CREATE TABLE mapper.shipments (
    tenant_id text NOT NULL, day date NOT NULL,
    after_accepted bigint NOT NULL, after_rejected bigint NOT NULL,
    upto_accepted bigint NOT NULL, upto_rejected bigint NOT NULL,
    PRIMARY KEY (tenant_id, day)
);

CREATE TABLE mapper.deliveries (
    tenant_id text NOT NULL, segment text NOT NULL, written_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, segment)
);

CREATE TABLE mapper.replays (
    tenant_id text NOT NULL, route text NOT NULL, key_sha256 text NOT NULL, request_hmac text NOT NULL,
    status integer NOT NULL, headers text NOT NULL, body bytea, expires_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, route, key_sha256)
);

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['days', 'events', 'rejections', 'shipments', 'deliveries', 'replays'] LOOP
        EXECUTE format('ALTER TABLE mapper.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY own_rows ON mapper.%I USING (tenant_id = current_setting(''mapper.tenant'', true)) '
            'WITH CHECK (tenant_id = current_setting(''mapper.tenant'', true))', name);
    END LOOP;
END $$;

-- What waits, tenant after tenant; the caller's rights and the policies above hold inside.
CREATE FUNCTION mapper.waiting() RETURNS TABLE (tenant_id text, day date, accepted bigint, rejected bigint, rows bigint,
                                                oldest timestamptz)
LANGUAGE plpgsql AS $$
DECLARE tenant text;
BEGIN
    FOR tenant IN SELECT t.tenant_id FROM mapper.tenants AS t ORDER BY 1 LOOP
        PERFORM set_config('mapper.tenant', tenant, true);
        RETURN QUERY
            SELECT d.tenant_id, d.day, d.accepted, d.rejected,
                d.accepted - d.shipped_accepted + d.rejected - d.shipped_rejected,
                least((SELECT e.recorded_at FROM mapper.events AS e WHERE e.tenant_id = d.tenant_id AND e.day = d.day
                       AND e.sequence = d.shipped_accepted + 1),
                      (SELECT r.occurred_at FROM mapper.rejections AS r WHERE r.tenant_id = d.tenant_id
                       AND r.day = d.day AND r.sequence = d.shipped_rejected + 1))
            FROM mapper.days AS d
            WHERE d.tenant_id = tenant AND (d.accepted > d.shipped_accepted OR d.rejected > d.shipped_rejected)
            ORDER BY d.day;
    END LOOP;
END $$;

CREATE FUNCTION mapper.delivering() RETURNS TABLE (tenant_id text, segments bigint, oldest timestamptz)
LANGUAGE plpgsql AS $$
DECLARE tenant text;
BEGIN
    FOR tenant IN SELECT t.tenant_id FROM mapper.tenants AS t ORDER BY 1 LOOP
        PERFORM set_config('mapper.tenant', tenant, true);
        RETURN QUERY
            SELECT d.tenant_id, count(*), min(d.written_at) FROM mapper.deliveries AS d
            WHERE d.tenant_id = tenant GROUP BY d.tenant_id;
    END LOOP;
END $$;

"""Shipping: moves rows from the outbox to segments, and segments to ClickHouse, at least once and idempotently."""

"""The outbox: rows that are durable before anybody is told they were accepted, and kept until they are shipped."""

"""Asset checks, one module per group. A check that cannot run fails with a message; it never crashes."""

"""Asset definitions, one module per group. Bodies are thin shells over plain functions elsewhere."""

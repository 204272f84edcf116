"""Report writers: PDF, CSV and JSON of values that are already final. Decides nothing, imports no dagster."""

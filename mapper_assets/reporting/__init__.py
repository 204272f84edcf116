"""Evidence of one tenant and UTC day: read, reconciled, counted, bundled. Imports no dagster."""

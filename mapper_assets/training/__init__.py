"""From the catalogue to a LoRA adapter: splits, golden set, dataset, base model, training. Imports no dagster."""

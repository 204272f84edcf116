"""Ways to ask the model."""

"""The Dagster shell: catalogue, training, evaluation, deployment, events and reports as software-defined assets."""

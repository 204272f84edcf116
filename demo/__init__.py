"""`make demo`: the main job from catalogue to reports, on real detector output over invented texts."""

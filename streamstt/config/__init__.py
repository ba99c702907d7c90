"""Settings: each declared once, loaded in layers, validated together."""

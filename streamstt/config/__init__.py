"""Settings: declared once, read from every layer, checked together."""

"""Finds, fetches, converts and caches model files."""

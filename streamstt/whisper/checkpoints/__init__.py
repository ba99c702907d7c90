"""Finding, fetching, converting and keeping model files."""

"""Installation as a systemd service: the unit files, and what puts them into place."""

"""OBS Studio, by obs-websocket."""

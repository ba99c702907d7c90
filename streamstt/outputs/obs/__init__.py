"""Captions in OBS Studio, through obs-websocket."""

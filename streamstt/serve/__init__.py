"""Serving: the hub that numbers events, the protocol, the WebSocket and page server."""

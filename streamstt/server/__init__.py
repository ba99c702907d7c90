"""The one port: WebSocket and HTTP, who may do what, and the pages."""

"""The one port: HTTP and WebSocket, access rules, bounds on clients, and the pages."""

"""HTTP/1.1: requests, bodies and responses, the router, and what is served by path."""

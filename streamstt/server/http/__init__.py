"""HTTP: requests, bodies, responses, and what is served by path."""

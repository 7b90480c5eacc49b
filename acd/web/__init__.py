"""HTTP API, health, live figures."""

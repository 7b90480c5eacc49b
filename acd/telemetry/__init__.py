"""Logging set-up and the only file that knows prometheus_client."""

"""Agents, queues and who gets which call. Knows neither SIP nor Postgres."""

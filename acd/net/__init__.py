"""Transports and the media engine."""

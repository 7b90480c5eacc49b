"""The core on a virtual clock, with seeded callers, agents, phones and network."""

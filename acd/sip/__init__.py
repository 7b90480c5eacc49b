"""SIP without sockets and clocks: bytes and time in, effects and events out (RFC 3261)."""

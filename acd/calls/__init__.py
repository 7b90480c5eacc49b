"""Where SIP, IVR, routing and media meet: a call's state machine, its events and its ports."""

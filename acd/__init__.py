"""acd: a call-centre server that speaks SIP."""

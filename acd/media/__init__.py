"""RTP, codecs, digits, playout and sound files as pure functions on frames."""

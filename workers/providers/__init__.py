"""One file per carrier of messages."""

"""One file per encoding, decode and encode together."""

"""Who someone is, never what they may do."""

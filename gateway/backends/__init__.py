"""I/O: adapters that dial an upstream and hand over an RFB stream."""

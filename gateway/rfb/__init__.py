"""PURE: the RFB codec, both roles."""

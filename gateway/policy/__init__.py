"""PURE: who may do what, to which VM, until when. Facts and `now` in, `Allow | Deny` out."""

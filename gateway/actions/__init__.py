"""One file per verb: load facts, ask policy, commit rows and record, publish."""

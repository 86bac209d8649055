"""The schema's history, one file per change; `Store.open` runs what is missing."""

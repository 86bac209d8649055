"""Azure Resource Manager's API, as its clients send it: bearer tokens only, errors as its own."""

"""Which VMs exist, where their consoles are, which node serves them."""

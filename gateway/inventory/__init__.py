"""Which VMs exist, where their consoles are, which node serves them."""

from gateway.inventory.inventory import Inventory
from gateway.inventory.machine import ConsoleAddress, Machine

__all__ = ["ConsoleAddress", "Inventory", "Machine"]

"""What runs beside the demo: starts an engine's programs, and ends them with it."""

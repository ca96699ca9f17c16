"""Shapes of the answers and bodies; table models are neither."""

"""The console of the staff, its command line, and the composition root."""

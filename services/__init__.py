"""The only code that changes state: one function per verb."""

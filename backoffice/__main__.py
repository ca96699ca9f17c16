"""`python -m backoffice`: every command of the back office."""

from backoffice.cli import commands

if __name__ == "__main__":
    commands()

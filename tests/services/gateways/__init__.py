"""The gateways against real servers on loopback, good and bad ones."""

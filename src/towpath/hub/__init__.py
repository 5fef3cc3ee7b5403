"""The hub's process: it answers nodes on the bus, and does what is to be done unasked."""

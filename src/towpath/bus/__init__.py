"""What carries messages between hub and sites: NATS, with one way in for each node."""

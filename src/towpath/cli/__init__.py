"""The command line: thin; its serving commands are the only place that wires rooms together."""

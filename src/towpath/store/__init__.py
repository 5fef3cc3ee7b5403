"""What the hub remembers: tables, guarded writes, and the readers of lists and pages."""

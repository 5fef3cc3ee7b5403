"""What can be done to paths: one file per step; plugins come in by the same entry point."""

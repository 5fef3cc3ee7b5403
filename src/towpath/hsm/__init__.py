"""What is managed of a file: its mark, its record at a target, and the stub that it leaves."""

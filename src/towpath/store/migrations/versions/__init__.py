"""Each step of the tables' history."""

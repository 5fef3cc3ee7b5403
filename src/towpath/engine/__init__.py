"""What the hub decides: one function per sentence it can be told, each on a transaction it is given."""

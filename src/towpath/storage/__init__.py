"""Places that keep bytes: directories and object stores, behind one narrow protocol."""

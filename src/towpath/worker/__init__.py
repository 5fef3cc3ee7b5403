"""A node of a site: it claims tasks, runs them and reports what became of each path."""

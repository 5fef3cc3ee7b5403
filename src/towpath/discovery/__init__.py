"""Ways to find the paths of a job at a site."""

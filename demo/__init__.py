"""`make demo`: the main job on real files, from nothing to a table of results."""

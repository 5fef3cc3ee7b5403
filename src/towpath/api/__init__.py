"""The hub's REST API: one file per resource, thin over the engine and the views."""

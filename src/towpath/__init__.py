"""Towpath: a hub that runs data workflows over many sites."""

__version__ = "0.2.0"

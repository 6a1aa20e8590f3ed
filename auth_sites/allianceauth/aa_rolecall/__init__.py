"""Rolecall as Alliance Auth's Discord service."""

__version__ = "0.1.0"

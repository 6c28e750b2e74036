"""The API, version 1: JSON in, JSON or Arrow out; each module one thing that can be asked."""

"""The documents of each module type: their keys, and what they are translated into. One file per type."""

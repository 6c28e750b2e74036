"""What is in this file? Formats, dialects, types; read in a confined child, never in the process that decides."""

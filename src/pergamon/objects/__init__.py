"""Objects: files as people see them. Uploaded, versioned, tagged, listed, fetched; each accepted one is a durable event."""

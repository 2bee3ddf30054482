"""One step a module, oldest first by name."""

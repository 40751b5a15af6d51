"""What fits in the memory, worked out before anything runs."""

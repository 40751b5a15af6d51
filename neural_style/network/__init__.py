"""The CNN with its losses, and how its layers run."""

"""Files that hold networks or weights, each read into a NetParameter."""

"""Memory: what is large, what glibc holds, what there is."""

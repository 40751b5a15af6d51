"""The same network evaluated piece by piece."""

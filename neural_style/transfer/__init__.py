"""The algorithm: tensors in, tensors out; no flags, files or printing."""

"""Fast ways to run single layers; they know tensors, no losses."""

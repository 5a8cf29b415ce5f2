"""The page Risk: what is exposed, without running any attack."""

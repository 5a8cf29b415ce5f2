"""How samples that are no pictures are shown."""

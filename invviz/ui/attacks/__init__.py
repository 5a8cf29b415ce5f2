"""The page Attacks: which attack is strongest, and when it fails."""

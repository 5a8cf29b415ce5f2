"""The page Results: what has been computed here."""

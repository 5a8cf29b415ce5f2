"""The page Audit: a net and records of one's own, handed over, audited in memory, and what was found."""

"""The page Defend: which defense protects against an attacker who knows it."""

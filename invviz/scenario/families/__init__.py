"""Which scenarios are set side by side because they differ in one thing: pictures, layers, rounds, attacks, defenses, cuts, conditions."""

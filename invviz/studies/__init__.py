"""Many scenarios in one answer: sweeps, curves, calibration, equal cost, the red team, and the prepared scenes."""

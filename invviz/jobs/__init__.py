"""Work that waits, runs and is kept: the store, its workers, private computing, prices and limits."""

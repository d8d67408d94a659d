"""What every backend of store and objects promises: one suite, run by each of them unchanged."""

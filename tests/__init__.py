"""Stories told from outside, contracts at the seams, and the pure parts."""

"""The sample site: its words are valid, its pictures can be painted."""

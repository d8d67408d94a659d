"""The pure parts of core, its protocols step by step, and what is special to the embedded backends."""

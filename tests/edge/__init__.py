"""The reader's walk: what the edge serves, keeps, forgets when it is told to, and refuses."""

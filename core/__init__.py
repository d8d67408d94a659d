"""The nouns and contracts that everything else is built on."""

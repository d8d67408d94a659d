"""The contracts of the store, by what they are about; `core.store` gives them all."""

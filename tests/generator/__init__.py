"""The pure part: a document and a release in, files out."""

"""What only a real S3 server, or the line to it, can do wrong."""

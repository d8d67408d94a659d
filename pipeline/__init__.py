"""The worker: from the change stream to pages that are live."""

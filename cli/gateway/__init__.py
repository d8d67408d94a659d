"""Real S3 servers on this machine's loopback, to develop against and to rehearse faults on: versitygw, and MinIO."""

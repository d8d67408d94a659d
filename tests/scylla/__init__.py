"""What the distributed backend promises beyond the contracts: its start, its schema, its policies, its log's tail."""

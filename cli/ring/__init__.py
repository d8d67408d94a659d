"""A real Apache Cassandra ring on loopback, one node or three, for developers and tests: only Java 17 and Maven, no Docker."""

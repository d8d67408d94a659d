"""Asks one node, in a few bytes of CQL's protocol 4, whether it answers and sees all its peers; no driver needed."""

from __future__ import annotations

import socket
import struct

PORT = 9042
TIMEOUT_S = 3.0
_STARTUP, _QUERY, _RESULT = 1, 7, 8
_ONE, _ALL = 1, 5


def answers(address: str, nodes: int) -> bool:
    """True once a query succeeds: on one node any; in a ring a read at ALL, refused while a peer looks down."""
    table, level = (
        ("system.local", _ONE) if nodes == 1 else ("system_distributed.parent_repair_history", _ALL)
    )
    query = f"SELECT * FROM {table} LIMIT 1".encode()  # noqa: S608  # one of the two above
    try:
        with (
            socket.create_connection((address, PORT), TIMEOUT_S) as connection,
            connection.makefile("rwb") as stream,
        ):
            opcode = 0
            for request, body in (
                (_STARTUP, b"\0\1\0\x0bCQL_VERSION\0\x053.0.0"),
                (_QUERY, struct.pack(f">I{len(query)}sHB", len(query), query, level, 0)),
            ):
                stream.write(struct.pack(">BBHBI", 4, 0, 0, request, len(body)) + body)
                stream.flush()
                *_, opcode, length = struct.unpack(">BBHBI", stream.read(9))
                stream.read(length)
            return opcode == _RESULT
    except (OSError, struct.error):
        return False

"""The three ScyllaDB nodes of deploy/compose.yml: on loopback only, joined in order, found by the settings it tells."""

from __future__ import annotations

import ipaddress
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from core.settings import StoreSettings

FILE = Path(__file__).parent.parent.parent / "deploy" / "compose.yml"
TEXT = FILE.read_text()
COMPOSE: dict[str, Any] = YAML(typ="safe").load(TEXT)
NODES: dict[str, dict[str, Any]] = COMPOSE["services"]


def option(node: dict[str, Any], name: str) -> str:
    (value,) = [one.partition("=")[2] for one in node["command"] if one.startswith(f"--{name}=")]
    return str(value)


def by_the_specification(path: Path) -> subprocess.CompletedProcess[str]:
    """The Compose Specification's own schema, which comes with check-jsonschema."""
    checked = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(checked, capture_output=True, text=True, check=False)


def test_compose_understands_every_word_of_it(tmp_path: Path) -> None:
    assert by_the_specification(FILE).returncode == 0
    typo = tmp_path / "compose.yml"
    typo.write_text(TEXT.replace("depends_on", "depend_on"))
    assert "depend_on" in by_the_specification(typo).stdout


def test_three_small_nodes_of_one_pinned_version() -> None:
    assert len(NODES) == 3
    (image,) = {node["image"] for node in NODES.values()}
    name, _, version = image.partition(":")
    assert name == "scylladb/scylla"
    # Conditional updates on tablets came after 2025.3.
    assert tuple(map(int, version.split("."))) >= (2025, 4, 0)
    for node in NODES.values():
        assert [option(node, what) for what in ("smp", "memory", "overprovisioned")] == ["1", "1G", "1"]


def test_ports_are_on_loopback_where_each_node_says_it_is() -> None:
    hosts = []
    for node in NODES.values():
        (published,) = node["ports"]
        host, outside, inside = published.split(":")
        assert ipaddress.ip_address(host).is_loopback
        assert int(outside) == int(inside) == StoreSettings().port
        assert host == option(node, "broadcast-rpc-address")
        hosts.append(host)
    assert len(set(hosts)) == 3
    assert f"HOLDFAST_STORE__BACKEND=scylla HOLDFAST_STORE__NODES={','.join(hosts)}\n" in TEXT


def test_nodes_join_one_after_another() -> None:
    names = list(NODES)
    waits = [node.get("depends_on", {}) for node in NODES.values()]
    assert waits == [{}, *({name: {"condition": "service_healthy"}} for name in names[:-1])]
    assert all(node["healthcheck"]["test"][:2] == ["CMD", "cqlsh"] for node in NODES.values())
    first = NODES[names[0]]["networks"]["ring"]["ipv4_address"]
    assert {option(node, "seeds") for node in NODES.values()} == {first}


def test_addresses_lie_in_the_network_and_data_in_a_volume_each() -> None:
    (network,) = COMPOSE["networks"]["ring"]["ipam"]["config"]
    addresses = {ipaddress.ip_address(node["networks"]["ring"]["ipv4_address"]) for node in NODES.values()}
    assert len(addresses) == 3
    assert all(address in ipaddress.ip_network(network["subnet"]) for address in addresses)
    mounts = [one for node in NODES.values() for one in node["volumes"]]
    assert mounts == [f"{volume}:/var/lib/scylla" for volume in COMPOSE["volumes"]]


def test_they_form_the_data_centre_of_the_default_settings_with_a_rack_each() -> None:
    racks = set()
    for node in NODES.values():
        assert option(node, "endpoint-snitch") == "GossipingPropertyFileSnitch"
        (config,) = node["configs"]
        assert config["target"] == "/etc/scylla/cassandra-rackdc.properties"
        found = re.fullmatch(r"dc=(\S+)\nrack=(\S+)\n", COMPOSE["configs"][config["source"]]["content"])
        assert found
        assert found[1] == StoreSettings().datacenter
        racks.add(found[2])
    assert len(racks) == 3

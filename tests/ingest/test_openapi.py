"""The OpenAPI document: whole, and true of the app that serves it."""

from __future__ import annotations

import re
from typing import Any

from tests.ingest.studios import Studio

METHODS = {"get", "put", "post", "patch", "delete"}


def document(studio: Studio) -> dict[str, Any]:
    reply = studio.client().get("/api/openapi.json")
    assert reply.headers["content-type"] == "application/json"
    made: dict[str, Any] = reply.json()
    return made


def test_every_reference_leads_somewhere_and_every_path_parameter_is_described(studio: Studio) -> None:
    made = document(studio)
    assert made["openapi"].startswith("3.1") and made["info"]["title"] and made["info"]["version"]
    schemas = made["components"]["schemas"]
    references = set(re.findall(r"'#/components/schemas/([^']+)'", str(made)))
    assert references
    assert references <= schemas.keys()
    ids = []
    for path, item in made["paths"].items():
        for method, operation in item.items():
            assert method in METHODS and operation["summary"] and operation["responses"]
            ids.append(operation["operationId"])
            named = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
            assert named == set(re.findall(r"\{(\w+)\}", path))
    assert len(ids) == len(set(ids))


def test_every_operation_has_a_schema_for_what_goes_in_and_comes_out(studio: Studio) -> None:
    for path, item in document(studio)["paths"].items():
        for method, operation in item.items():
            if method in ("put", "patch") or (method == "post"):
                (content,) = operation["requestBody"]["content"].values()
                assert content["schema"], path
            good = next(body for status, body in operation["responses"].items() if status[0] == "2")
            assert "content" in good or "204" in operation["responses"]


def test_every_described_route_exists_and_refuses_who_is_not_logged_in(studio: Studio) -> None:
    client = studio.client()
    for path, item in document(studio)["paths"].items():
        for method, operation in item.items():
            reply = client.request(method, re.sub(r"\{\w+\}", "abcdefgh", path), json={})
            wanted = {401} if "security" in operation else {401, 422}
            if operation["operationId"] == "delete_session":
                wanted = {204}  # who is not logged in is logged out
            assert reply.status_code in wanted, (method, path, reply.text)


def test_what_the_document_says_of_limits_is_what_the_models_hold(studio: Studio) -> None:
    schemas = document(studio)["components"]["schemas"]
    profile = schemas.get("Profile") or schemas["Profile-Input"]
    assert profile["properties"]["bio"]["maxLength"] == 5000
    assert profile["additionalProperties"] is False


def test_every_write_takes_an_idempotency_key_but_those_that_show_nothing_to_anybody(studio: Studio) -> None:
    without = {
        operation["operationId"]
        for item in document(studio)["paths"].values()
        for method, operation in item.items()
        if method != "get"
        and "Idempotency-Key" not in {one["name"] for one in operation.get("parameters", [])}
    }
    uploads = {
        "post_profiles_profile_uploads",
        "patch_profiles_profile_uploads_upload",
        "delete_profiles_profile_uploads_upload",
    }
    # A session's secret is told once; a password changes once, and then the old one isn't right any more.
    accounts = {"post_session", "delete_session", "put_account_password", "delete_account"}
    # Made again, it is the same link, or one that ends later.
    links = {"post_profiles_profile_grants", "post_profiles_profile_posts_post_grants"}
    assert without == uploads | accounts | links


def test_no_answer_speaks_of_the_cards_that_we_draw(studio: Studio) -> None:
    schemas = document(studio)["components"]["schemas"]
    kinds = [schemas[name]["properties"]["kind"]["enum"] for name in ("MediaView", "MediaProgress")]
    assert kinds == [["image", "video", "audio"]] * 2

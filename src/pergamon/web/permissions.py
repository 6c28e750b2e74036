"""Every route and what it asks of the policy. A route without a line here fails the architecture test."""

PUBLIC = "public"
AUTHENTICATED = "authenticated"

ROUTE_PERMISSIONS: dict[tuple[str, str], str] = {
    ("GET", "/healthz"): PUBLIC,
    ("POST", "/api/v1/login"): PUBLIC,
    ("POST", "/api/v1/logout"): "authenticated; the token that was used",
    ("GET", "/api/v1/me"): AUTHENTICATED,
    ("GET", "/api/v1/openapi.json"): AUTHENTICATED,
    ("GET", "/api/v1/tables"): "table.read on each table listed",
    ("GET", "/api/v1/tables/{database}/{table}"): "table.read",
    ("POST", "/api/v1/query"): "query.run on the workgroup, then table.read on each table named",
    ("GET", "/api/v1/queries"): "authenticated; one's own queries only",
    ("GET", "/api/v1/queries/{query_id}"): "one's own query, or audit.read",
    ("GET", "/api/v1/buckets"): "object.read somewhere in each bucket listed",
    ("GET", "/api/v1/buckets/{bucket}/objects"): "object.read on each object listed",
    ("PUT", "/api/v1/buckets/{bucket}/objects/{key:path}"): "object.write",
    ("GET", "/api/v1/buckets/{bucket}/objects/{key:path}"): "object.read; table.read where a table lies in it",
    ("HEAD", "/api/v1/buckets/{bucket}/objects/{key:path}"): "object.read",
    ("DELETE", "/api/v1/buckets/{bucket}/objects/{key:path}"): "object.write; object.destroy for good",
    ("GET", "/api/v1/buckets/{bucket}/versions/{key:path}"): "object.read on each version listed",
    ("GET", "/api/v1/buckets/{bucket}/tags/{key:path}"): "object.read",
    ("PUT", "/api/v1/buckets/{bucket}/tags/{key:path}"): "object.write",
    ("OPTIONS", "/api/v1/uploads"): AUTHENTICATED,
    ("POST", "/api/v1/uploads"): "object.write",
    ("HEAD", "/api/v1/uploads/{upload_id}"): "one's own upload",
    ("PATCH", "/api/v1/uploads/{upload_id}"): "one's own upload; object.write, at each piece",
    ("DELETE", "/api/v1/uploads/{upload_id}"): "one's own upload",
    ("GET", "/api/v1/crawlers"): "crawler.run",
    ("GET", "/api/v1/crawlers/{name}"): "crawler.run",
    ("GET", "/api/v1/crawlers/{name}/files"): "crawler.run",
    ("POST", "/api/v1/crawlers/{name}/run"): "crawler.run",
    ("POST", "/api/v1/crawlers/{name}/replay"): "crawler.run",
    ("GET", "/api/v1/workgroups/{workgroup}/queries"): "query.history on the workgroup",
}


def is_public(method: str, path: str) -> bool:
    """Is this request answered without a token? Only exact paths are."""
    return ROUTE_PERMISSIONS.get((method, path)) == PUBLIC

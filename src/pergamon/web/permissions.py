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
    ("GET", "/api/v1/search"): "asset.find on each asset found, counted or suggested from",
    ("POST", "/api/v1/query"): "query.run on the workgroup, then table.read on each table named",
    ("POST", "/api/v1/statements"): "query.run on the workgroup, then table.read on each table named",
    ("GET", "/api/v1/statements/{query_id}"): "one's own statement",
    ("POST", "/api/v1/statements/{query_id}/cancel"): "one's own statement",
    (
        "GET",
        "/api/v1/statements/{query_id}/results",
    ): "one's own statement; query.run on its workgroup, table.read as it was on each table that it read",
    ("GET", "/api/v1/saved-queries"): "one's own, and those shared with projects of which one is a member",
    ("GET", "/api/v1/saved-queries/{name}"): "one's own, or shared with a project of which one is a member",
    ("PUT", "/api/v1/saved-queries/{name}"): "authenticated; one's own; members alone share with a project",
    ("DELETE", "/api/v1/saved-queries/{name}"): "one's own",
    ("GET", "/api/v1/queries"): "authenticated; one's own queries only",
    ("GET", "/api/v1/queries/{query_id}"): "one's own query, or audit.read",
    ("POST", "/api/v1/queries/{query_id}/cancel"): "one's own query",
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
    ("POST", "/api/v1/tables/{database}/{table}/rebuild"): "crawler.run on its crawler",
    ("GET", "/api/v1/lineage"): "asset.find, table.read or object.read on each dataset told",
    ("POST", "/api/v1/lineage"): "lineage.write",
    ("GET", "/api/v1/lineage/events"): "catalog.manage",
    ("GET", "/api/v1/workgroups/{workgroup}/queries"): "query.history on the workgroup",
    ("GET", "/api/v1/assets"): "asset.find on each asset listed",
    ("GET", "/api/v1/assets/{asset}"): "asset.find",
    ("GET", "/api/v1/assets/{asset}/versions"): "asset.find; all versions for members of its project",
    ("GET", "/api/v1/assets/{asset}/differences"): "asset.find on both versions",
    ("POST", "/api/v1/assets/{asset}/edit"): "asset.curate",
    ("POST", "/api/v1/assets/edits"): "asset.curate on each asset",
    ("POST", "/api/v1/assets/{asset}/publish"): "asset.publish",
    ("POST", "/api/v1/assets/{asset}/unpublish"): "asset.publish",
    ("GET", "/api/v1/products"): "asset.find on each product listed",
    ("POST", "/api/v1/projects/{project}/products"): "asset.curate in the project",
    ("GET", "/api/v1/units"): AUTHENTICATED,
    ("GET", "/api/v1/projects"): "project.see on each project listed",
    ("GET", "/api/v1/projects/{project}"): "project.see",
    ("POST", "/api/v1/projects/{project}/members"): "project.manage",
    ("DELETE", "/api/v1/projects/{project}/members/{role}/{principal}"): "project.manage",
    ("GET", "/api/v1/data-sources"): "asset.find on each data source listed: members of its project",
    ("GET", "/api/v1/data-sources/{data_source}/runs"): "asset.find on the data source: members of its project",
    ("POST", "/api/v1/data-sources/{data_source}/run"): "asset.curate in its project",
    ("GET", "/api/v1/glossary/terms"): "asset.find on each term listed",
    ("GET", "/api/v1/glossary/terms/{term}"): "asset.find on the term",
    ("POST", "/api/v1/glossary/terms"): "asset.curate in the term's unit",
    ("POST", "/api/v1/glossary/terms/{term}/edit"): "asset.curate on the term; asset.publish when it is approved",
    ("POST", "/api/v1/glossary/terms/{term}/approve"): "asset.publish on the term",
    ("DELETE", "/api/v1/glossary/terms/{term}"): "asset.curate on the term; asset.publish when it is approved",
    ("GET", "/api/v1/metadata-forms"): AUTHENTICATED,
    ("GET", "/api/v1/quality/{table}"): "asset.find on its asset, or table.read; values: table.read, no mask",
    ("GET", "/api/v1/quality/{table}/history"): "asset.find on an asset of the table, or table.read",
    ("POST", "/api/v1/quality/{table}/run"): "asset.curate on an asset of the table",
    ("GET", "/api/v1/quality/{table}/rules"): "asset.find on an asset of the table, or table.read",
    ("POST", "/api/v1/quality/{table}/rules"): "asset.curate; table.read on every table whose values a rule speaks of",
    ("POST", "/api/v1/requests"): "asset.find on the asset; access.ask for the project",
    ("GET", "/api/v1/requests"): "access.see on each request listed",
    ("GET", "/api/v1/requests/{request_id}"): "access.see",
    ("POST", "/api/v1/requests/{request_id}/amend"): "access.ask for the project",
    ("POST", "/api/v1/requests/{request_id}/withdraw"): "access.ask for the project",
    ("POST", "/api/v1/requests/{request_id}/comment"): "access.see",
    (
        "POST",
        "/api/v1/requests/{request_id}/ask-for-changes",
    ): "access.decide on the asset; not on a request of one's own",
    ("POST", "/api/v1/requests/{request_id}/approve"): "access.decide on the asset; not on a request of one's own",
    ("POST", "/api/v1/requests/{request_id}/reject"): "access.decide on the asset; not on a request of one's own",
    ("POST", "/api/v1/requests/{request_id}/preview"): "access.decide on the asset; not on a request of one's own",
    ("GET", "/api/v1/grants"): "access.see on each grant listed",
    ("GET", "/api/v1/grants/{grant_id}"): "access.see",
    ("POST", "/api/v1/grants/{grant_id}/revoke"): "access.revoke on the asset",
    ("GET", "/iceberg/v1/config"): AUTHENTICATED,
    ("GET", "/iceberg/v1/namespaces"): "table.read on the database, or on a table in it",
    ("GET", "/iceberg/v1/namespaces/{namespace}"): "table.read on the database, or on a table in it",
    ("HEAD", "/iceberg/v1/namespaces/{namespace}"): "table.read on the database, or on a table in it",
    ("GET", "/iceberg/v1/namespaces/{namespace}/tables"): "table.read on each table listed",
    ("POST", "/iceberg/v1/namespaces/{namespace}/tables"): "table.write on what it will be",
    ("GET", "/iceberg/v1/namespaces/{namespace}/tables/{table}"): "table.read, the whole table",
    ("HEAD", "/iceberg/v1/namespaces/{namespace}/tables/{table}"): "table.read, the whole table",
    ("POST", "/iceberg/v1/namespaces/{namespace}/tables/{table}"): "table.read, the whole table; table.write",
    ("DELETE", "/iceberg/v1/namespaces/{namespace}/tables/{table}"): "table.read, the whole table; table.destroy",
    ("GET", "/iceberg/v1/namespaces/{namespace}/tables/{table}/credentials"): "table.read, the whole table",
    ("POST", "/iceberg/v1/namespaces/{namespace}/tables/{table}/metrics"): "table.read, the whole table",
    ("POST", "/iceberg/v1/transactions/commit"): "table.read, the whole table, and table.write, on each table",
    ("GET", "/iceberg/v1/namespaces/{namespace}/views"): "table.read on the database, or on a table in it",
    ("GET", "/iceberg/v1/namespaces/{namespace}/views/{view}"): "table.read on the database, or on a table in it",
    ("GET", "/api/v1/trail"): "audit.read",
    ("GET", "/api/v1/trail/verification"): "audit.verify",
}


PAGE_PERMISSIONS: dict[tuple[str, str], str] = {
    ("GET", "/static/{name}"): "public; the files that there are, by their exact names",
    ("GET", "/sign-in"): PUBLIC,
    ("POST", "/sign-in"): PUBLIC,
    ("POST", "/sign-out"): "authenticated; the session that was used",
    ("POST", "/sign-out-everywhere"): "authenticated; one's own sessions",
    ("POST", "/preferences"): PUBLIC,
    ("GET", "/styles"): AUTHENTICATED,
    ("GET", "/"): "access.see on each request and grant listed; one's own queries",
}
"""Every page, and what its verb asks of the policy: the same as the API's route of that verb does."""


def is_public(method: str, path: str) -> bool:
    """Is this request answered without a token? Only exact paths are."""
    return PUBLIC in (ROUTE_PERMISSIONS.get((method, path)), PAGE_PERMISSIONS.get((method, path)))


def is_page(path: str) -> bool:
    """Is this an address of the portal? What begins as a route for programs does is none, whatever comes after it."""
    return path.split("/", 2)[1:2] not in API_ROOTS


API_ROOTS = [[root] for root in sorted({path.split("/", 2)[1] for _, path in ROUTE_PERMISSIONS})]
"""`api`, `healthz`: the first words of addresses where no cookie counts."""

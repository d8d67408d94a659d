# Fastly VCL snippets in front of a bare S3 bucket: paste each into a snippet of the type that its heading names. An address
# becomes the key of its object, a tombstone gets its status, and the profile's tag becomes the surrogate key. The rule is that
# of core/keys.py, `route`; a site under a sub-path needs it cut off here first.

# ── type: recv ──
if (req.method != "GET" && req.method != "HEAD" && req.method != "FASTLYPURGE") {
  error 405;
}
set req.url = req.url.path;  # nothing depends on the query, so it splits no cache
if (req.url ~ "(?i)%2f|%5c|%00" || req.url ~ "^/_(?!assets/|media/|data/|domains/|sitemaps/)") {
  set req.url = "/_site/404.html";
} else if (req.url == "/") {
  set req.url = "/index.html";
} else if (req.url !~ "^/_") {
  declare local var.spelled STRING;
  set var.spelled = regsub(req.url, "(?i)(/index\.html)*/*$", "");
  if (var.spelled !~ "^/[^/]*\.[^/]*$") {
    set var.spelled = std.tolower(var.spelled);
  }
  if (var.spelled == "") {
    set var.spelled = "/";
  }
  if (var.spelled != req.url) {
    set req.http.X-Moved = var.spelled;
    error 618;
  }
  if (req.url !~ "\.[^/]*$") {
    set req.url = req.url "/index.html";
  }
}

# ── type: error ──
if (obj.status == 618) {
  set obj.status = 301;
  set obj.http.Location = req.http.X-Moved;
  return(deliver);
}

# ── type: fetch ──
if (beresp.http.x-amz-meta-tags) {
  set beresp.http.Surrogate-Key = beresp.http.x-amz-meta-tags;
}
if (req.url ~ "^/_assets/") {
  set beresp.ttl = 365d;
} else if (req.url ~ "^/_media/") {
  set beresp.ttl = 86700s;  # [edge] cdn_s + stale_s
} else {
  set beresp.ttl = 300s;  # [edge] cdn_s
  set beresp.stale_if_error = 86400s;  # [edge] stale_s
}
if (beresp.status == 403 || beresp.status == 404) {
  set beresp.status = 404;  # S3 says 403 to who may not list
  set beresp.ttl = 10s;
  set beresp.http.Surrogate-Key = "n-" regsub(req.url, "^/([^/]+)/.*$", "\1");
}

# ── type: deliver ──
if (resp.http.x-amz-meta-status ~ "^(301|404|410)$") {
  set resp.status = std.atoi(resp.http.x-amz-meta-status);
  set resp.http.X-Robots-Tag = "noindex";
  if (resp.http.x-amz-meta-location) {
    set resp.http.Location = resp.http.x-amz-meta-location;
  }
}
unset resp.http.x-amz-meta-status;
unset resp.http.x-amz-meta-location;
unset resp.http.x-amz-meta-rank;
unset resp.http.x-amz-meta-tags;
set resp.http.X-Content-Type-Options = "nosniff";
set resp.http.Referrer-Policy = "strict-origin-when-cross-origin";
set resp.http.Permissions-Policy = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";
set resp.http.Cross-Origin-Opener-Policy = "same-origin";
set resp.http.Strict-Transport-Security = "max-age=31536000";
if (req.url ~ "^/_media/") {
  set resp.http.Content-Security-Policy = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox";
} else {
  set resp.http.Content-Security-Policy = "default-src 'none'; script-src 'self'; connect-src 'self'; media-src 'self' blob:; img-src 'self' data:; style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";
}
if (req.url ~ "^/_(assets|media)/") {
  set resp.http.Cache-Control = "public, max-age=31536000, immutable";
  set resp.http.Access-Control-Allow-Origin = "*";
  set resp.http.Cross-Origin-Resource-Policy = "cross-origin";
} else {
  set resp.http.Cache-Control = "public, max-age=0";
}

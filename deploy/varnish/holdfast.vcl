# Varnish in front of Holdfast's edges: a whole configuration, made by `holdfast edge-config varnish`.
# Make it anew after a change of site.toml; docs/front.md tells how to run, reload, purge and check it.
#
#   Needs     varnish 7 and varnish-modules (Debian's packages)
#   Run       varnishd -a :80 -f FILE -s malloc,1024m -p http_gzip_support=off -p feature=+http2 \
#                 -s Transient=file,/var/lib/varnish/transient,4g
#             The edge compresses. With gzip support on, Varnish would never ask for brotli. The last is for films: they are
#             passed, but Varnish 7.1 reads them faster than a reader takes them, and what waits had better not be memory.
#   Check     varnishd -C -f FILE
#   Reload    varnishadm vcl.load NAME FILE && varnishadm vcl.use NAME        the cache stays

vcl 4.1;

import directors;
import std;
import vsthrottle;
import xkey;

probe health {
    .url = "/-/health";
    .interval = 2s;
    .timeout = 1s;
    .window = 4;
    .threshold = 3;
    .initial = 3;
}
backend edge1 {
    .host = "127.0.0.1";
    .port = "8080";
    .host_header = "127.0.0.1:8080";
    .probe = health;
    .connect_timeout = 1s;
    # The edge itself waits 15 s for storage.
    .first_byte_timeout = 20s;
    .between_bytes_timeout = 10s;
}

acl purgers {
    "127.0.0.0"/8;
    "::1";
}


sub vcl_init {
    new edges = directors.round_robin();
    edges.add_backend(edge1);
}

sub vcl_recv {
    set req.backend_hint = edges.backend();
    if (req.restarts == 0) {
        unset req.http.x-stale;
        unset req.http.x-counted;
    }
    # ── purges ──
    if (req.method == "PURGE" || req.method == "BAN") {
        if (client.ip !~ purgers) {
            return (synth(403, "Forbidden"));
        }
        if (req.method == "BAN") {
            if (!req.http.x-ban-path) {
                return (synth(400, "Bad Request"));
            }
            # Of what the object itself holds, so that Varnish can work it off behind the readers' backs.
            if (!std.ban("obj.http.x-path ~ " + req.http.x-ban-path)) {
                return (synth(400, "Bad Request"));
            }
            return (synth(200, "OK"));
        }
        if (req.http.xkey-purge) {
            set req.http.x-counted = xkey.purge(req.http.xkey-purge);
            return (synth(200, "OK"));
        }
        if (req.http.xkey-softpurge) {
            set req.http.x-counted = xkey.softpurge(req.http.xkey-softpurge);
            return (synth(200, "OK"));
        }
    } elseif (req.method != "GET" && req.method != "HEAD") {
        return (synth(405, "Method Not Allowed"));
    }
    if (req.restarts == 0 && client.ip !~ purgers
        && vsthrottle.is_denied("" + client.ip, 1000, 5s)) {
        return (synth(429, "Too Many Requests"));
    }
    if (req.url == "/-/health") {
        return (synth(200, "OK"));
    }
    # The edge's own doors are not for readers, at any host.
    if (req.url ~ "^/-/" && req.url !~ "^/-/g/") {
        return (synth(404, "Not Found"));
    }

    # ── which host is meant, as the edge tells them apart ──
    if (req.http.host != "127.0.0.1:8080") {
        set req.http.host = regsub(regsub(std.tolower(req.http.host), ":\d*$", ""), "\.$", "");
        # What can be nobody's domain is a name of the site, too.
        if (req.http.host !~ "^(?!.*\.localhost$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$"
            || req.http.host == "127.0.0.1") {
            set req.http.host = "127.0.0.1:8080";
        }
    }

    # ── what an answer depends on: host, path and encoding, nothing else ──
    unset req.http.authorization;
    # Nothing is answered by it; the edge counts by it who asks too often.
    set req.http.x-forwarded-for = client.ip;
    unset req.http.x-pass;
    # Tracking parameters and cookies end here.
    set req.url = regsub(req.url, "\?.*$", "");
    unset req.http.cookie;
    # What lies behind a grant is kept by nobody but the edge.
    if (req.url ~ "^/-/g/") {
        set req.http.x-pass = "granted";
    }
    # A page has one address. Others that an edge would take for it are asked for each time.
    if (req.url ~ "(%[0-7]|%[0-9A-Fa-f][a-f]|%[a-f]|[^\x21-\x7e]|//|/\.\.?(/|$))") {
        set req.http.x-pass = "respelled";
    }
    # Whole films: readers take them by ranges, which could only be cut from the whole.
    if (req.url ~ "/(video\.mp4|sound\.m4a)$") {
        set req.http.x-pass = "film";
    }
    # One of br, gzip, or nothing; a part is one of the body as it is.
    if (req.http.range) {
        unset req.http.accept-encoding;
        # Several parts, and what isn't counted in bytes, are told as the whole.
        if (req.http.range !~ "(?i)^\s*bytes\s*=\s*\d{0,18}\s*-\s*\d{0,18}\s*$") {
            unset req.http.range;
        }
    } elseif (req.http.accept-encoding ~ "(?i)(^|[,\s])(br|\*)\s*(,|$|;\s*q=(1|0?\.0*[1-9]))") {
        set req.http.accept-encoding = "br";
    } elseif (req.http.accept-encoding ~ "(?i)(^|[,\s])(x-)?gzip\s*(,|$|;\s*q=(1|0?\.0*[1-9]))") {
        set req.http.accept-encoding = "gzip";
    } else {
        unset req.http.accept-encoding;
    }
    if (req.method == "PURGE") {
        return (purge);
    }
    if (req.http.x-pass) {
        return (pass);
    }
    # While an edge answers nobody gets what is stale, a page purged softly least of all: one reader asks, the others wait.
    if (req.http.x-stale) {
        # Up to the object's own; a restart does not forget the zero.
        set req.grace = 365d;
    } elseif (std.healthy(req.backend_hint)) {
        set req.grace = 0s;
    }
    return (hash);
}

sub vcl_hash {
    hash_data(req.http.host);
    hash_data(req.url);
    hash_data(req.http.accept-encoding);
    return (lookup);
}

sub vcl_miss {
    # Nothing to fall back on, and the edge has just failed.
    if (req.http.x-stale) {
        return (synth(503, "Service Unavailable"));
    }
}

sub vcl_backend_fetch {
    unset bereq.http.x-pass;
    unset bereq.http.x-stale;
    unset bereq.http.forwarded;
    unset bereq.http.x-forwarded-host;
    unset bereq.http.x-forwarded-proto;
    unset bereq.body;
}

sub vcl_backend_response {
    # Any answer that is taken, of whatever status, drops the older object that it was to replace.
    if (beresp.status >= 500) {
        return (abandon);
    }
    set beresp.http.x-path = bereq.url;
    set beresp.http.xkey = beresp.http.surrogate-key;
    if (bereq.uncacheable) {
        return (deliver);
    }
    # What is private or not to be stored is asked for by each reader, side by side (hit-for-miss). So is what comes under a
    # name that is nobody's: of other hosts the edge tags what is at somebody's domain. Names can be made up without end.
    if (beresp.http.cache-control ~ "(?i)no-store|no-cache|private"
        || beresp.http.cdn-cache-control ~ "(?i)no-store|no-cache|private"
        || (beresp.http.surrogate-key !~ "(^| )n-[^ ]+\."
            && bereq.http.host != "127.0.0.1:8080")) {
        set beresp.uncacheable = true;
        set beresp.ttl = 10s;
        return (deliver);
    }
    # CDN-Cache-Control before Cache-Control (RFC 9213). stale-if-error is a grace.
    if (beresp.http.cdn-cache-control ~ "max-age=\d") {
        set beresp.ttl = std.duration(regsub(beresp.http.cdn-cache-control, "^.*\bmax-age=(\d+).*$", "\1s"), 0s);
    }
    set beresp.grace = 0s;
    if (beresp.http.cdn-cache-control ~ "stale-if-error=\d") {
        set beresp.grace = std.duration(regsub(beresp.http.cdn-cache-control, "^.*\bstale-if-error=(\d+).*$", "\1s"), 0s);
    }
    # For asking "still this one?"; never shown.
    set beresp.keep = 600s;
    return (deliver);
}

sub vcl_backend_error {
    return (abandon);
}

sub vcl_deliver {
    # Nothing that is true of the object is true of the "416" that Varnish is about to make of it.
    if (req.http.range && resp.http.content-length
        && std.integer(regsub(req.http.range, "^[^=]*=\s*(\d*).*$", "\1"), 0)
            >= std.integer(resp.http.content-length, 0)) {
        set resp.http.cache-control = "no-store";
        set resp.http.cdn-cache-control = "no-store";
        # Unless Varnish still has to compare them.
        if (!req.http.if-range) {
            unset resp.http.content-type;
            unset resp.http.etag;
            unset resp.http.last-modified;
            unset resp.http.vary;
        }
    }
    if (obj.hits > 0 && obj.ttl > 0s) {
        set resp.http.x-how = "varnish; hit";
    } elseif (obj.hits > 0) {
        set resp.http.x-how = "varnish; hit; detail=edge-away";
    } elseif (req.http.x-pass) {
        set resp.http.x-how = "varnish; fwd=bypass";
    } else {
        set resp.http.x-how = "varnish; fwd=uri-miss";
    }
    # RFC 9211, behind what the edge has said.
    if (resp.http.cache-status) {
        set resp.http.cache-status = resp.http.cache-status + ", " + resp.http.x-how;
    } else {
        set resp.http.cache-status = resp.http.x-how;
    }
    unset resp.http.x-how;
    unset resp.http.x-path;
    unset resp.http.xkey;
    unset resp.http.x-varnish;
    unset resp.http.via;
    return (deliver);
}

sub vcl_purge {
    return (synth(200, "OK"));
}

sub vcl_synth {
    # The edge is away, or failed. Perhaps there is an older one, within its grace.
    if (resp.status == 503 && req.restarts == 0 && !req.http.x-pass) {
        set req.http.x-stale = "1";
        return (restart);
    }
    set resp.http.cache-control = "no-store";
    set resp.http.content-type = "text/plain; charset=utf-8";
    set resp.http.cross-origin-opener-policy = "same-origin";
    set resp.http.permissions-policy = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";
    set resp.http.referrer-policy = "strict-origin-when-cross-origin";
    set resp.http.x-content-type-options = "nosniff";
    unset resp.http.x-varnish;
    unset resp.http.via;
    if (req.http.x-counted) {
        set resp.http.xkey-purged = req.http.x-counted;
    }
    if (resp.status == 405) {
        set resp.http.allow = "GET, HEAD";
        set resp.body = {"Pages here can only be read.
"};
    } elseif (resp.status == 503) {
        set resp.http.retry-after = "5";
        set resp.http.cache-status = "varnish; fwd=uri-miss";
        set resp.body = {"This page can't be read for the moment. Please try again.
"};
    } elseif (resp.status == 404) {
        set resp.body = {"There is no page at this address.
"};
    } else {
        set resp.body = resp.reason + {"
"};
    }
    return (deliver);
}

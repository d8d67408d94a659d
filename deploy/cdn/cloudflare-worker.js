// Cloudflare Worker in front of a bare R2 bucket (bound as BUCKET): an address in, its object out, with the status that a
// tombstone says and the headers that the edge would send (edge/rules.py). What it has made is kept in Cloudflare's cache under
// the profile's tag, so that a purge by tag finds it. The addresses' rule is that of core/keys.py, `route`.

const SUB_PATH = ''; // [site] path
const CDN_S = 300; // [edge] cdn_s
const STALE_S = 86400; // [edge] stale_s
const MISSING_S = 10;
const PUBLIC_FOLDERS = ['_assets', '_media', '_data', '_domains', '_sitemaps'];
const NOT_FOUND = '_site/404.html';
const SECURITY = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'strict-origin-when-cross-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  'cross-origin-opener-policy': 'same-origin',
  'strict-transport-security': 'max-age=31536000',
};
const PAGE =
  "default-src 'none'; script-src 'self'; connect-src 'self'; media-src 'self' blob:; img-src 'self' data:; " +
  "style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";
const MEDIA =
  "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox";

export default {
  async fetch(request, env, ctx) {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return new Response('Pages here can only be read.\n', { status: 405, headers: { allow: 'GET, HEAD' } });
    }
    const url = new URL(request.url);
    const found = routed(url.pathname);
    if (found.redirect) {
      const location = encoded(SUB_PATH + found.redirect) + url.search;
      return new Response(null, { status: 301, headers: { location } });
    }
    const key = found.key || NOT_FOUND;
    url.pathname = '/' + encoded(key);
    url.search = ''; // nothing depends on it, so it splits no cache
    const asked = new Request(url, { method: 'GET', headers: conditions(request.headers) });
    const kept = await caches.default.match(asked);
    if (kept) return bodiless(request, kept);
    if (request.headers.has('range')) {
      const part = await partOf(request, env, key);
      if (part) return part;
    }
    const made = await answer(env, key);
    if (made.status !== 503) ctx.waitUntil(caches.default.put(new Request(url), made.clone()));
    // Of what is kept now the cache itself answers conditions.
    return bodiless(request, made);
  },
};

async function answer(env, key) {
  const object = await env.BUCKET.get(key);
  if (object) return new Response(object.body, { status: statusOf(object), headers: headersOf(object, key) });
  const page = await env.BUCKET.get(NOT_FOUND);
  const headers = page ? headersOf(page, NOT_FOUND) : new Headers(SECURITY);
  headers.set('cache-control', `public, max-age=0, s-maxage=${MISSING_S}`);
  headers.set('x-robots-tag', 'noindex');
  const name = key.split('/')[0];
  if (!name.startsWith('_')) headers.set('cache-tag', `n-${name}`); // cleared when somebody takes that name
  return new Response(page ? page.body : 'There is no page at this address.\n', { status: 404, headers });
}

// One range of a large file that isn't kept yet: what a film's first seconds wait for.
async function partOf(request, env, key) {
  const object = await env.BUCKET.get(key, { range: request.headers });
  if (!object || !object.range || statusOf(object) !== 200) return null;
  const start = object.range.offset || 0;
  const length = object.range.length === undefined ? object.size - start : object.range.length;
  const headers = headersOf(object, key);
  headers.set('content-range', `bytes ${start}-${start + length - 1}/${object.size}`);
  return bodiless(request, new Response(object.body, { status: 206, headers }));
}

function statusOf(object) {
  return Number((object.customMetadata || {}).status) || 200;
}

function headersOf(object, key) {
  const ours = object.customMetadata || {};
  const headers = new Headers(SECURITY);
  object.writeHttpMetadata(headers);
  headers.set('etag', object.httpEtag);
  headers.set('accept-ranges', 'bytes');
  if (ours.tags) headers.set('cache-tag', ours.tags);
  if (ours.location) headers.set('location', ours.location);
  if (ours.status) headers.set('x-robots-tag', 'noindex');
  const isMedia = key.startsWith('_media/');
  const isKept = isMedia || key.startsWith('_assets/');
  const isShared = isKept || key.startsWith('_data/') || /\/(feed\.(xml|json)|icon\.png)$/.test(key);
  headers.set('content-security-policy', isMedia ? MEDIA : PAGE);
  headers.set('cache-control', life(isMedia, isKept));
  if (isShared) headers.set('access-control-allow-origin', '*');
  headers.set('cross-origin-resource-policy', isShared ? 'cross-origin' : 'same-origin');
  return headers;
}

// Media as long as a page might be kept, or what is gone would outlast the bound that receipts state.
function life(isMedia, isKept) {
  if (isMedia) return `public, max-age=31536000, s-maxage=${CDN_S + STALE_S}, immutable`;
  return isKept ? 'public, max-age=31536000, immutable' : `public, max-age=0, s-maxage=${CDN_S}`;
}

function conditions(headers) {
  const found = new Headers();
  for (const name of ['if-none-match', 'if-modified-since', 'range', 'if-range']) {
    if (headers.has(name)) found.set(name, headers.get(name));
  }
  return found;
}

function bodiless(request, response) {
  return request.method === 'HEAD' ? new Response(null, response) : response;
}

function routed(uri) {
  const path = decoded(uri);
  if (path === null || (path !== SUB_PATH && !path.startsWith(SUB_PATH + '/'))) return {};
  return route(path.slice(SUB_PATH.length));
}

function decoded(uri) {
  if (/%2f|%5c|%00/i.test(uri)) return null; // a hidden slash, or an end
  try {
    return decodeURIComponent(uri.replace(/%(?![0-9a-f]{2})/gi, '%25')); // a sign of its own stands for itself
  } catch (error) {
    return null;
  }
}

function route(path) {
  if (path === '' || path === '/') return { key: 'index.html' };
  const parts = path.replace(/^\//, '').split('/');
  const ends = parts[parts.length - 1] === '';
  let trimmed = ends ? parts.slice(0, -1) : parts;
  if (!trimmed.every((part) => /^[^/\x00-\x1f\x7f\\]+$/.test(part) && part !== '.' && part !== '..')) return {};
  const first = trimmed[0];
  if (first.startsWith('_')) {
    const isPublic = PUBLIC_FOLDERS.indexOf(first) >= 0 && !ends && parts.length > 1;
    return isPublic ? checked(trimmed.join('/')) : {};
  }
  while (trimmed.length && trimmed[trimmed.length - 1].toLowerCase() === 'index.html') trimmed = trimmed.slice(0, -1);
  if (!trimmed.length) return { redirect: '/' };
  const isFile = trimmed[trimmed.length - 1].indexOf('.') >= 0;
  const isSites = isFile && trimmed.length === 1;
  const canonical = '/' + (isSites ? trimmed : trimmed.map((part) => part.toLowerCase())).join('/');
  if (canonical !== path) return { redirect: canonical };
  return checked(trimmed.join('/') + (isFile ? '' : '/index.html'));
}

function checked(key) {
  const sizes = key.split('/').map(bytes);
  const fits = sizes.every((size) => size <= 250) && bytes(key) <= 1024;
  return fits && !key.startsWith('.') ? { key: key } : {};
}

function bytes(text) {
  return encodeURIComponent(text).replace(/%../g, '.').length;
}

function encoded(path) {
  return path.split('/').map(encodeURIComponent).join('/');
}

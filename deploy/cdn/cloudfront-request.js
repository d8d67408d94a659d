// CloudFront Function (runtime cloudfront-js-2.0) for viewer requests, in front of a bare bucket: an address in, the key of
// its object out, or a redirect to the one spelling of the address. The rule is that of core/keys.py, `route`.

const SUB_PATH = ''; // [site] path
const PUBLIC_FOLDERS = ['_assets', '_media', '_data', '_domains', '_sitemaps'];
const NOT_FOUND = '_site/404.html';

function handler(event) {
  const request = event.request;
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { statusCode: 405, statusDescription: 'Method Not Allowed', headers: { allow: { value: 'GET, HEAD' } } };
  }
  const found = routed(request.uri);
  if (found.redirect) {
    const location = encoded(SUB_PATH + found.redirect) + query(request.querystring);
    return { statusCode: 301, statusDescription: 'Moved Permanently', headers: { location: { value: location } } };
  }
  request.uri = '/' + encoded(found.key || NOT_FOUND);
  request.querystring = {}; // nothing depends on it, so it splits no cache
  return request;
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

function query(asked) {
  const pairs = [];
  for (const name in asked) {
    const values = asked[name].multiValue || [asked[name]];
    values.forEach((one) => pairs.push(one.value === '' ? name : name + '=' + one.value));
  }
  return pairs.length ? '?' + pairs.join('&') : '';
}

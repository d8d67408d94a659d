// CloudFront Function (runtime cloudfront-js-2.0) for viewer responses, in front of a bare bucket: gives tombstones their
// status (their objects say it in metadata), and every answer the headers that the edge would send (edge/rules.py).

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
const REASONS = { 301: 'Moved Permanently', 404: 'Not Found', 410: 'Gone' };

function handler(event) {
  const response = event.response;
  const headers = response.headers;
  const status = said(headers, 'status');
  if (REASONS[status]) {
    response.statusCode = Number(status);
    response.statusDescription = REASONS[status];
    headers['x-robots-tag'] = { value: 'noindex' };
    if (status === '301') headers.location = { value: said(headers, 'location') };
  }
  for (const name in headers) {
    if (name.startsWith('x-amz-meta-')) delete headers[name];
  }
  for (const name in SECURITY) headers[name] = { value: SECURITY[name] };
  const uri = event.request.uri; // the key, which the function for requests has made of the address
  const isMedia = uri.startsWith('/_media/');
  headers['content-security-policy'] = { value: isMedia ? MEDIA : PAGE };
  const isKept = isMedia || uri.startsWith('/_assets/');
  headers['cache-control'] = { value: isKept ? 'public, max-age=31536000, immutable' : 'public, max-age=0' };
  const isShared = isKept || uri.startsWith('/_data/') || /\/(feed\.(xml|json)|icon\.png)$/.test(uri);
  if (isShared) headers['access-control-allow-origin'] = { value: '*' };
  headers['cross-origin-resource-policy'] = { value: isShared ? 'cross-origin' : 'same-origin' };
  return response;
}

function said(headers, name) {
  const found = headers['x-amz-meta-' + name];
  return found ? found.value : '';
}

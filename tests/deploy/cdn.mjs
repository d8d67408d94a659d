// Runs the CDN functions of deploy/cdn for tests: a JSON job on standard input, its JSON answer on standard output.
// CloudFront's environment is an `event` in and a request or response out ("CloudFront Functions event structure"). Of
// Cloudflare's there are a bucket ("Workers API reference", R2) and the cache ("Cache API") as plain maps.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const job = JSON.parse(readFileSync(0, 'utf-8'));

function cloudfront(file, events) {
  const handler = new Function(`${readFileSync(file, 'utf-8')}\nreturn handler;`)();
  return events.map((event) => handler(structuredClone(event)));
}

class Bucket {
  constructor(objects) {
    this.objects = objects;
    this.reads = 0;
  }

  async get(key, options = {}) {
    this.reads += 1;
    const found = this.objects[key];
    if (!found) return null;
    const whole = new TextEncoder().encode(found.body);
    const asked = options.range && /^bytes=(\d+)-(\d*)$/.exec(options.range.get('range') || '');
    const range = asked && { offset: Number(asked[1]), length: (asked[2] ? Number(asked[2]) + 1 : whole.length) - asked[1] };
    return {
      size: whole.length,
      body: range ? whole.slice(range.offset, range.offset + range.length) : whole,
      range: range || undefined,
      httpEtag: '"etag"',
      customMetadata: found.metadata || {},
      writeHttpMetadata: (headers) => headers.set('content-type', found.type),
    };
  }
}

async function cloudflare(file, objects, requests) {
  const kept = new Map();
  globalThis.caches = {
    default: {
      match: async (request) => kept.get(request.url)?.clone(),
      put: async (request, response) => kept.set(request.url, response),
    },
  };
  const worker = (await import(pathToFileURL(file))).default;
  const bucket = new Bucket(objects);
  const answers = [];
  for (const { method, url, headers } of requests) {
    const waits = [];
    const context = { waitUntil: (promise) => waits.push(promise) };
    const response = await worker.fetch(new Request(url, { method, headers }), { BUCKET: bucket }, context);
    await Promise.all(waits);
    const body = await response.text();
    answers.push({ status: response.status, headers: Object.fromEntries(response.headers), body, reads: bucket.reads });
  }
  return answers;
}

const answer =
  job.for === 'cloudfront' ? cloudfront(job.file, job.events) : await cloudflare(job.file, job.objects, job.requests);
console.log(JSON.stringify(answer));

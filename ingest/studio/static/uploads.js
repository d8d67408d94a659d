/* Uploads: pieces, progress, and on again where a connection broke. */
"use strict";
const Uploads = (() => {
  const TRIES = 6;
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const keyOf = (api, file, purpose) => `upload ${api} ${purpose} ${file.name} ${file.size} ${file.lastModified}`;

  class Refused extends Error {}

  async function ask(url, options = {}) {
    const reply = await fetch(url, { ...options, headers: { "content-type": "application/json", ...(options.headers || {}) } });
    const body = reply.status === 204 ? {} : await reply.json().catch(() => ({}));
    if (reply.ok || reply.status === 409) return { status: reply.status, ...body };
    const error = reply.status >= 500 || reply.status === 429 || reply.status === 408 ? new Error(body.detail) : new Refused(body.detail || "The upload was refused.");
    error.status = reply.status;
    throw error;
  }

  /* XMLHttpRequest, because fetch tells nothing about how much has been sent. */
  function send(url, offset, piece, progress) {
    return new Promise((done, fail) => {
      const request = new XMLHttpRequest();
      request.open("PATCH", url);
      request.setRequestHeader("Upload-Offset", String(offset));
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.responseType = "json";
      request.upload.onprogress = (event) => progress(offset + event.loaded);
      request.onerror = () => fail(new Error("The connection broke."));
      request.onload = () => {
        const body = request.response || {};
        if (request.status === 200 || request.status === 409) done(body.offset);
        else fail(request.status < 500 && request.status !== 408 && request.status !== 429 ? new Refused(body.detail) : new Error(body.detail));
      };
      request.send(piece);
    });
  }

  async function begin(api, file, purpose) {
    const kept = sessionStorage.getItem(keyOf(api, file, purpose));
    if (kept) {
      const url = `${api}/uploads/${kept}`;
      const state = await ask(url).catch(() => null);
      if (state && state.upload_id) return { url, offset: state.offset, size: state.chunk_bytes_max };
    }
    const body = JSON.stringify({ filename: file.name, bytes: file.size, purpose });
    const state = await ask(`${api}/uploads`, { method: "POST", body });
    if (!state.upload_id) throw new Refused(state.detail);
    sessionStorage.setItem(keyOf(api, file, purpose), state.upload_id);
    return { url: `${api}/uploads/${state.upload_id}`, offset: 0, size: state.chunk_bytes_max };
  }

  async function upload(api, file, purpose, progress) {
    if (!file.size) throw new Refused("The file is empty.");
    let broken = 0;
    for (;;) {
      try {
        const { url, offset: start, size } = await begin(api, file, purpose);
        for (let offset = start; offset < file.size; broken = 0) {
          offset = await send(url, offset, file.slice(offset, offset + size), (sent) => progress(sent / file.size));
        }
        const done = await ask(`${url}/finish`, { method: "POST", body: "{}" });
        if (done.status === 409 && done.offset === undefined) throw new Refused(done.detail);
        if (done.status === 409) continue;
        sessionStorage.removeItem(keyOf(api, file, purpose));
        return done;
      } catch (error) {
        if (error instanceof Refused || ++broken > TRIES) {
          sessionStorage.removeItem(keyOf(api, file, purpose));
          throw error;
        }
        progress(null);
        await wait(Math.min(15000, 500 * 2 ** broken));
      }
    }
  }

  return { upload };
})();

// Plays HLS where the browser can't by itself: the library for it is fetched when somebody starts a video, not before.
// Without it, or if it fails, the plain MP4 below plays on. Below a video with a storyboard comes a strip of its pictures.

const HLS = "application/vnd.apple.mpegurl";

for (const video of document.querySelectorAll("video[data-player]")) {
  const playlist = video.querySelector(`source[type="${HLS}"]`);
  if (playlist && !video.canPlayType(HLS)) {
    video.addEventListener("play", () => start(video, playlist.src), { once: true });
  }
  const strip = video.parentElement.querySelector(".strip");
  // Not before somebody watches: the sheet of pictures is some hundred kilobytes.
  if (strip) video.addEventListener("playing", () => lay(strip, video), { once: true });
}

async function start(video, playlist) {
  video.pause();
  try {
    const { default: Hls } = await import(video.dataset.player);
    if (Hls.isSupported()) attach(Hls, video, playlist);
  } catch (error) {
    console.warn("The player library didn't come; the video plays in its smallest size.", error);
  }
  play(video);
}

function attach(Hls, video, playlist) {
  // A worker would be made of a blob, which the page's policy doesn't allow, and spares nothing where segments are MP4.
  const hls = new Hls({ enableWorker: false, capLevelToPlayerSize: true, startPosition: video.currentTime });
  let mended = false;
  hls.on(Hls.Events.ERROR, (_, problem) => {
    if (!problem.fatal) return;
    if (problem.type === Hls.ErrorTypes.MEDIA_ERROR && !mended) {
      mended = true;
      hls.recoverMediaError();
      return;
    }
    const at = video.currentTime;
    hls.destroy();
    video.removeAttribute("src");
    video.load();
    video.currentTime = at;
    play(video);
  });
  hls.loadSource(playlist);
  hls.attachMedia(video);
  video.dispatchEvent(new CustomEvent("player", { detail: hls }));
}

function play(video) {
  // Refused where the browser wants another press first: the button is there.
  video.play().catch(() => {});
}

// ── the storyboard: a strip of pictures to seek by, which is a slider to keyboards and screen readers ──

async function lay(strip, video) {
  try {
    const { sheet, cues } = await storyboard(video.querySelector('track[kind="metadata"]').src);
    if (Number.isFinite(video.duration)) fill(strip, video, sheet, cues);
  } catch (error) {
    console.warn("The storyboard didn't come; the video has its own controls.", error);
  }
}

async function storyboard(address) {
  const reply = await fetch(address);
  if (!reply.ok) throw new Error(`${reply.status} for ${address}`);
  const found = (await reply.text()).matchAll(/([\d:.]+) --> [\d:.]+\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)/g);
  const cues = Array.from(found, ([, from, name, ...box]) => ({ from: toSeconds(from), name, box: box.map(Number) }));
  const sheet = new Image();
  sheet.src = new URL(cues[0].name, address);
  await sheet.decode();
  return { sheet, cues };
}

function fill(strip, video, sheet, cues) {
  const film = make("canvas", "strip-film");
  const now = make("i", "strip-now");
  const look = make("div", "strip-look");
  const picture = make("canvas");
  const time = make("div");
  const slider = Object.assign(make("input"), { type: "range", min: 0, max: Math.floor(video.duration), step: 1 });
  slider.setAttribute("aria-label", `Seek in ${video.getAttribute("aria-label")}`);
  for (const one of [film, now, look]) one.setAttribute("aria-hidden", "true");
  look.hidden = true;
  look.append(picture, time);
  strip.replaceChildren(film, now, look, slider);

  const at = (seconds) => cues.findLast((cue) => cue.from <= seconds) ?? cues[0];
  const [, , wide, high] = cues[0].box;

  function drawFilm() {
    const { width, height } = sized(film, strip.clientWidth, strip.clientHeight);
    // An upright film's are cut to squares: stripes show nothing.
    const count = Math.max(1, Math.ceil(width / (height * Math.max(wide / high, 1))));
    const cell = width / count;
    // What a cell has no room for is cut from both sides.
    const across = Math.min(wide, (high * cell) / height);
    const down = Math.min(high, (wide * height) / cell);
    for (let number = 0; number < count; number++) {
      const [x, y] = at(((number + 0.5) / count) * video.duration).box;
      const from = [x + (wide - across) / 2, y + (high - down) / 2, across, down];
      film.getContext("2d").drawImage(sheet, ...from, number * cell, 0, cell, height);
    }
  }

  function show(share) {
    const seconds = Math.min(Math.max(share, 0), 1) * video.duration;
    look.hidden = false;
    const { width, height } = sized(picture, wide, high);
    picture.getContext("2d").drawImage(sheet, ...at(seconds).box, 0, 0, width, height);
    time.textContent = clock(seconds);
    const room = strip.clientWidth - look.offsetWidth;
    look.style.left = `${Math.min(Math.max((seconds / video.duration) * strip.clientWidth - look.offsetWidth / 2, 0), room)}px`;
  }

  function follow() {
    slider.value = video.currentTime;
    slider.setAttribute("aria-valuetext", `${clock(video.currentTime)} of ${clock(video.duration)}`);
    now.style.left = `${(video.currentTime / video.duration) * 100}%`;
  }

  const share = (event) => (event.clientX - strip.getBoundingClientRect().left) / strip.clientWidth;
  slider.addEventListener("pointermove", (event) => show(share(event)));
  for (const end of ["pointerleave", "pointercancel", "blur"]) slider.addEventListener(end, () => (look.hidden = true));
  slider.addEventListener("pointerup", (event) => (look.hidden = event.pointerType !== "mouse"));
  slider.addEventListener("input", () => (video.currentTime = slider.value));
  for (const moved of ["timeupdate", "seeking"]) video.addEventListener(moved, follow);
  new ResizeObserver(drawFilm).observe(strip);
  follow();
}

/* The canvas at that size in the page's pixels, as sharp as the screen. */
function sized(canvas, width, height) {
  const scale = Math.min(devicePixelRatio, 2);
  Object.assign(canvas, { width: Math.round(width * scale), height: Math.round(height * scale) });
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  return canvas;
}

function make(tag, name = "") {
  return Object.assign(document.createElement(tag), { className: name });
}

function toSeconds(time) {
  return time.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
}

function clock(seconds) {
  const [s, m, h] = [seconds % 60, (seconds / 60) % 60, seconds / 3600].map(Math.floor);
  const two = (number) => String(number).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

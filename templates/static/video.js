// Plays HLS where the browser can't by itself: the library for it is fetched when somebody starts a video, not before.
// Without it, or if it fails, the plain MP4 below plays on.

const HLS = "application/vnd.apple.mpegurl";

for (const video of document.querySelectorAll("video[data-player]")) {
  const playlist = video.querySelector(`source[type="${HLS}"]`);
  if (playlist && !video.canPlayType(HLS)) {
    video.addEventListener("play", () => start(video, playlist.src), { once: true });
  }
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

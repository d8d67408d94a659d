/* What the studio does a little better with JavaScript. Without it every form and button still works. */
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const make = (tag, fields = {}) => Object.assign(document.createElement(tag), fields);
  document.documentElement.classList.add("js");

  // ── receipts: from saved to live, as it happens ──

  const WORDS = {
    accepted: "Publishing…",
    published: "Published; clearing caches…",
    purged: "Checking that readers see it…",
  };

  const seconds = (ms) => (ms < 10000 ? `${(Math.max(ms, 0) / 1000).toFixed(2)} s` : `${Math.round(ms / 1000)} s`);

  function say(panel, receipt) {
    const live = receipt.state === "live";
    panel.className = `receipt ${receipt.state}`;
    const words = $("[data-words]", panel);
    const took = live && receipt.live && receipt.accepted ? ` in ${seconds(receipt.live.at_ms - receipt.accepted.at_ms)}` : "";
    const place = panel.dataset.private === "1" ? "Hidden from readers" : "Live";
    const crop = receipt.media.some((one) => one.awaited.some((use) => use !== "gallery")) ? " A new crop follows in a moment." : "";
    words.replaceChildren(make("strong", { textContent: "Saved." }), ` ${live ? `${place}${took}.${crop}` : WORDS[receipt.state]}`);
    const link = $("[data-when-live]", panel);
    if (link) link.hidden = !live;
  }

  function watch(panel) {
    if (panel.dataset.state === "live") return;
    const source = new EventSource(panel.dataset.receipt);
    const slow = setTimeout(() => {
      $("[data-words]", panel).append(" It takes longer than usual; what you saved is safe.");
    }, 8000);
    source.addEventListener("receipt", (event) => {
      const receipt = JSON.parse(event.data);
      say(panel, receipt);
      if (receipt.state === "live") {
        clearTimeout(slow);
        source.close();
      }
    });
  }

  // ── photos and videos in the making ──

  function watchMedia(list) {
    const source = new EventSource(list.dataset.making);
    const shown = new Map();
    source.addEventListener("receipt", (event) => {
      const receipt = JSON.parse(event.data);
      for (const one of receipt.media) {
        const item = $(`[data-medium="${CSS.escape(one.id)}"]`, list);
        if (!item) continue;
        const bar = $("[data-step]", item);
        bar.hidden = !one.now;
        bar.value = one.now ? one.now.percent : 0;
        const seen = `${one.state} ${one.ready.length} ${one.awaited} ${one.now ? one.now.step : ""}`;
        if (shown.get(one.id) === seen) continue;
        const first = !shown.has(one.id);
        shown.set(one.id, seen);
        if (!first) refreshMedium(item, one.id);
      }
      if (receipt.media.every((one) => (one.state === "ready" || one.state === "failed") && !one.awaited.length)) source.close();
    });
  }

  /* Takes the state's words and the small picture from the page as the server draws it now. */
  async function refreshMedium(item, id) {
    const reply = await fetch(location.pathname, { headers: { accept: "text/html" } });
    if (!reply.ok) return;
    const page = new DOMParser().parseFromString(await reply.text(), "text/html");
    const fresh = $(`[data-medium="${CSS.escape(id)}"]`, page);
    if (!fresh) return;
    for (const part of ["[data-progress]", ".thumb"]) $(part, item).replaceWith($(part, fresh));
  }

  // ── what crops must show: a click on the picture, or the arrow keys on the sliders ──

  function pickFocus(picker) {
    const image = $("img", picker);
    const [across, down] = all("input[type=range]", picker);
    const point = make("span", { className: "point" });
    const own = $("input[value=own]", picker.closest(".crop"));
    picker.append(point);
    const show = () => {
      point.style.left = `${(across.value / 100) * image.clientWidth}px`;
      point.style.top = `${(down.value / 100) * image.clientHeight}px`;
      point.hidden = !own.checked;
    };
    const choose = () => {
      own.checked = true;
      show();
      touch(picker.closest("form"));
    };
    image.addEventListener("click", (event) => {
      across.value = Math.round((event.offsetX / image.clientWidth) * 100);
      down.value = Math.round((event.offsetY / image.clientHeight) * 100);
      choose();
    });
    for (const slider of [across, down]) slider.addEventListener("input", choose);
    picker.closest(".crop").addEventListener("change", show);
    new ResizeObserver(show).observe(image);
  }

  // ── forms: unsaved changes, rows that move without a new page ──

  let dirty = false;
  function touch(form) {
    dirty = true;
    all("[data-unsaved]", form).forEach((hint) => (hint.hidden = false));
  }
  addEventListener("beforeunload", (event) => {
    if (dirty) event.preventDefault();
  });
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-guard]");
    if (form) touch(form);
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    const button = event.submitter;
    const moves = button && !("plain" in form.dataset) && /^(add|up|down|remove):(links|sections)/.test(button.value || "");
    if (form.matches("[data-rows]") && moves) {
      event.preventDefault();
      act(form, button);
    } else {
      dirty = false;
    }
  });

  async function act(form, button) {
    const body = new URLSearchParams(new FormData(form, button));
    const target = new URL(button.hasAttribute("formaction") ? button.formAction : form.action);
    let page = null;
    try {
      const reply = await fetch(target, { method: "POST", body });
      page = new DOMParser().parseFromString(await reply.text(), "text/html");
    } catch {
      page = null;
    }
    const fresh = page && $("#edit", page);
    if (!fresh) {
      form.dataset.plain = ""; // the plain way, which shows what is wrong
      form.requestSubmit(button);
      return;
    }
    form.replaceWith(fresh);
    touch(fresh);
    enhance(fresh);
    const row = target.hash && document.getElementById(target.hash.slice(1));
    const added = row && button.value.startsWith("add:");
    if (row && added) row.scrollIntoView({ block: "nearest" });
    const first = row && (added ? $("input:not([type=hidden]), textarea, select", row) : $(`button[value="${CSS.escape(button.value)}"]`, fresh) || row);
    if (first) first.focus();
  }

  /* The bar with Save floats, but never over the field that is being typed in. */
  function stepAside() {
    const field = document.activeElement;
    for (const bar of all(".savebar")) {
      const typing = bar.parentElement.contains(field) && field.matches("textarea, select, input:not([type=checkbox], [type=radio], [type=file])");
      const { top, bottom } = field ? field.getBoundingClientRect() : {};
      const floats = innerHeight - bar.offsetHeight - 24;
      bar.classList.toggle("aside", typing && bottom > floats && top < innerHeight);
    }
  }
  let waiting = 0;
  for (const moved of ["focusin", "focusout", "input", "scroll", "resize"]) {
    addEventListener(moved, () => {
      cancelAnimationFrame(waiting); // by then a focus that moves has arrived
      waiting = requestAnimationFrame(stepAside);
    }, { passive: true });
  }

  // ── uploads: progress, dropping, choosing ──

  function queueLine(queue, file) {
    const line = make("li");
    const bar = make("progress", { max: 100, value: 0 });
    bar.setAttribute("aria-label", `Upload of ${file.name}`);
    const state = make("span", { textContent: "0 %" });
    line.append(make("span", { className: "clip", textContent: file.name }), state, bar);
    queue.append(line);
    return {
      progress(share) {
        if (share === null) state.textContent = "The connection broke; trying again…";
        else {
          bar.value = share * 100;
          state.textContent = share < 1 ? `${Math.floor(share * 100)} %` : "Checking…";
        }
      },
      done() {
        bar.value = 100;
        state.textContent = "There";
      },
      failed(error) {
        bar.remove();
        state.textContent = error.message || "That did not work; please try again.";
        state.className = "bad";
        state.setAttribute("role", "alert");
      },
    };
  }

  async function uploadAll(files, api, purpose, queue) {
    const made = [];
    let failed = 0;
    for (const file of files) {
      const line = queueLine(queue, file);
      try {
        const done = await Uploads.upload(api, file, purpose, line.progress);
        made.push({ id: done.id, file });
        line.done();
      } catch (error) {
        failed += 1;
        line.failed(error);
      }
    }
    return { made, failed };
  }

  function dropZone(zone, take) {
    const over = (on) => (event) => {
      if (!event.dataTransfer || ![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      zone.classList.toggle("over", on);
    };
    zone.addEventListener("dragover", over(true));
    zone.addEventListener("dragleave", over(false));
    zone.addEventListener("drop", (event) => {
      over(false)(event);
      if (event.dataTransfer.files.length) take([...event.dataTransfer.files]);
    });
  }

  function enhanceUploader(form) {
    const input = $("input[type=file]", form);
    const take = async (files) => {
      const { made, failed } = await uploadAll(files, form.dataset.api, "gallery", $("[data-queue]", form));
      input.value = "";
      if (made.length && !failed && !dirty) location.assign(location.pathname);
      else if (made.length) form.append(make("p", { className: "hint", textContent: "Save what you typed; then the new ones stand below." }));
    };
    if (matchMedia("(pointer: fine)").matches) $("label", form).append(", or drop them here");
    input.addEventListener("change", () => take([...input.files]));
    dropZone(form, take);
  }

  function enhancePicture(form) {
    const input = $("input[type=file]", form);
    const shell = $("[data-progressbar]", form);
    const bar = $("progress", shell);
    const state = $("[role=status]", shell);
    const take = async ([file]) => {
      if (!file) return;
      shell.hidden = false;
      state.className = "";
      try {
        await Uploads.upload(form.dataset.api, file, form.dataset.picture, (share) => {
          bar.value = (share || 0) * 100;
          state.textContent = share === null ? "Trying again…" : share < 1 ? `${Math.floor(share * 100)} %` : "Checking…";
        });
        state.textContent = "Saved; being made ready.";
        $(".frame", form).replaceChildren(make("img", { src: URL.createObjectURL(file), alt: "" }));
      } catch (error) {
        state.textContent = error.message;
        state.className = "bad error";
      }
    };
    input.addEventListener("change", () => take([...input.files]));
    dropZone(form, take);
  }

  /* Where photos are chosen they can be dropped and uploaded too; they come chosen. */
  function enhanceChooser(field) {
    if ($("[data-queue]", field)) return;
    const label = make("label", { className: "button quiet small", textContent: "Upload photos or videos here" });
    const input = make("input", { type: "file", multiple: true, accept: "image/*,video/*,.mkv", className: "vh" });
    const queue = make("ul", { className: "queue" });
    queue.setAttribute("role", "list");
    queue.dataset.queue = "";
    label.append(input);
    const take = async (files) => {
      const { made } = await uploadAll(files, field.dataset.api, field.dataset.drop, queue);
      for (const { id, file } of made) addChoice(field, id, file);
    };
    input.addEventListener("change", () => take([...input.files]));
    dropZone(field, take);
    field.append(label, queue);
  }

  function addChoice(field, id, file) {
    let list = $(".chooser", field);
    if (!list) {
      list = make("ul", { className: "chooser" });
      list.setAttribute("role", "list");
      ($(".empty", field) || $("legend", field)).replaceWith(...($(".empty", field) ? [list] : [$("legend", field), list]));
    }
    const box = make("input", { type: "checkbox", name: field.dataset.name, value: id, checked: true });
    const thumb = make("span", { className: "thumb" });
    if (file.type.startsWith("image/")) thumb.append(make("img", { src: URL.createObjectURL(file), alt: "" }));
    const choice = make("label", { className: "choice" });
    choice.append(box, thumb, make("span", { className: "choice-name", textContent: file.name }));
    const item = make("li");
    item.append(choice);
    // Behind the chosen ones, which come first.
    const after = all("li:has(:checked)", list).pop();
    if (after) after.after(item);
    else list.prepend(item);
    touch(field.form);
  }

  // ── times: UTC on the wire and without JavaScript, the visitor's own on the screen ──

  const pad = (number, digits = 2) => String(number).padStart(digits, "0");
  const toLocal = (utc) => {
    const at = new Date(`${utc}Z`);
    return isNaN(at) ? utc : `${pad(at.getFullYear(), 4)}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}T${pad(at.getHours())}:${pad(at.getMinutes())}`;
  };
  const toUtc = (local) => {
    const at = new Date(local);
    return isNaN(at) ? local : at.toISOString().slice(0, 16);
  };

  function enhanceMoment(field) {
    if (!window.FormDataEvent) return; // what is sent could not be turned back
    const input = $("input", field);
    // Anything else was typed on this page and brought back by the browser: local time already.
    if (input.value === input.defaultValue) input.value = input.value && toLocal(input.value);
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    $("label", field).firstChild.textContent = `To publish it later: day and time where you are${zone ? ` (${zone.replaceAll("_", " ")})` : ""} `;
    input.form.addEventListener("formdata", (event) => event.formData.set(input.name, input.value && toUtc(input.value)));
  }

  function showLocal(time) {
    const at = new Date(time.dateTime);
    if (isNaN(at)) return;
    time.textContent = at.toLocaleString("en-GB", { dateStyle: "long", timeStyle: "short" });
    time.title = `${time.dateTime.slice(0, 16).replace("T", " ")} UTC`;
  }

  // ── small things ──

  function enhance(root) {
    all("[data-receipt]", root).forEach(watch);
    all("[data-making]", root).forEach(watchMedia);
    all("[data-uploader]", root).forEach(enhanceUploader);
    all("[data-picture]", root).forEach(enhancePicture);
    all("[data-drop]", root).forEach(enhanceChooser);
    all("[data-moment]", root).forEach(enhanceMoment);
    all("[data-focus-picker]", root).forEach(pickFocus);
    all("time[data-local]", root).forEach(showLocal);
    all("[data-copy]", root).forEach((button) => {
      if (!navigator.clipboard) return;
      button.hidden = false;
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(button.dataset.copy);
        $(".vh", button).textContent = "Copied";
        button.classList.add("copied");
        setTimeout(() => {
          $(".vh", button).textContent = "Copy the address";
          button.classList.remove("copied");
        }, 2000);
      });
    });
  }

  enhance(document);
  if ($("[data-unsaved]:not([hidden])")) dirty = true;
  const wrong = $("[data-focus]");
  if (wrong) wrong.focus();
})();

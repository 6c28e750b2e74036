// Files go up in pieces (tus 1.0.0), with progress; after a cut they go on where they were, also on another day. Without
// scripts the same form sends one file whole.
document.documentElement.classList.add("scripted");

const PIECE_BYTES = 4 * 1024 * 1024;
const TRIES = 6;
const PASSING = new Set([0, 408, 409, 423, 429]);
const form = document.querySelector("form[data-upload]");
if (form) start(form);

function start(form) {
  const pieces = form.dataset.upload;
  const token = form.elements.form_token.value;
  const input = form.querySelector("input[type=file]");
  const zone = form.querySelector("[data-drop]");
  const list = document.getElementById("uploads");
  const row = document.getElementById("upload-row");
  const told = document.getElementById("upload-told");
  const words = document.querySelector("[data-words]").dataset;
  const percent = new Intl.NumberFormat(document.documentElement.lang, { style: "percent" });

  input.multiple = true;
  for (const kind of ["dragenter", "dragover"]) zone.addEventListener(kind, (event) => { event.preventDefault(); zone.classList.add("over"); });
  for (const kind of ["dragleave", "drop"]) zone.addEventListener(kind, () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => { event.preventDefault(); take(event.dataTransfer.files); });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    take([...input.files]);
    input.value = "";
  });

  // one after the other: each has the whole line
  const take = async (files) => {
    const place = placeOf();
    for (const send of [...files].map((file) => added(file, place))) await send();
  };

  const placeOf = () => {
    const [bucket, ...prefix] = form.elements.place.value.split("/");
    const folder = form.elements.folder.value.trim().replace(/^\/+|\/+$/g, "");
    return { bucket, prefix: prefix.join("/") + (folder && `${folder}/`) };
  };

  const added = (file, place) => {
    const shown = row.content.firstElementChild.cloneNode(true);
    const [name, state, bar, stop, again, link] = ["name", "state", "bar", "stop", "again", "link"].map((part) => shown.querySelector(`[data-${part}]`));
    const target = { bucket: place.bucket, key: place.prefix + file.name };
    let stopping;
    name.textContent = file.name;
    bar.setAttribute("aria-label", file.name);
    list.append(shown);
    const progress = (offset) => {
      bar.value = file.size ? offset / file.size : 1;
      state.textContent = percent.format(bar.value);
    };
    const go = async () => {
      stopping = new AbortController();
      again.hidden = true;
      stop.hidden = false;
      try {
        await up(file, target, progress, stopping.signal);
        link.href = `/publish/${target.bucket}/file/${target.key.split("/").map(encodeURIComponent).join("/")}`;
        link.hidden = false;
        told.textContent = `${file.name}: ${words.came}`;
        if (list.children.length === 1) link.focus();
      } catch (error) {
        state.textContent = stopping.signal.aborted ? words.stopped : error.told || words.cut;
        told.textContent = `${file.name}: ${state.textContent}`;
        again.hidden = false;
      }
      stop.hidden = true;
    };
    stop.addEventListener("click", () => stopping.abort());
    again.addEventListener("click", go);
    return go;
  };

  const up = async (file, target, progress, signal) => {
    const known = `upload ${target.bucket}/${target.key} ${file.size} ${file.lastModified}`;
    let address = localStorage.getItem(known);
    let offset = address && await offsetOf(address, signal);
    if (offset === null) {
      const metadata = Object.entries({ ...target, filetype: file.type }).map(([name, value]) => `${name} ${base64(value)}`.trim()).join(",");
      const begun = await asked("POST", pieces, signal, { "Upload-Length": file.size, "Upload-Metadata": metadata });
      address = begun.getResponseHeader("Location");
      offset = 0;
      localStorage.setItem(known, address);
    }
    for (let tries = 0; ;) {
      progress(offset);
      if (offset >= file.size) break;
      try {
        const headers = { "Upload-Offset": offset, "Content-Type": "application/offset+octet-stream" };
        const from = offset;
        const sent = await asked("PATCH", address, signal, headers, file.slice(from, from + PIECE_BYTES), (loaded) => progress(from + loaded));
        offset = Number(sent.getResponseHeader("Upload-Offset"));
        tries = 0;
      } catch (error) {
        const passes = PASSING.has(error.status) || error.status >= 500;
        if (!passes) localStorage.removeItem(known);
        if (signal.aborted || !passes || ++tries >= TRIES) throw error;
        await new Promise((resolve) => setTimeout(resolve, 250 * 2 ** tries));
        offset = await offsetOf(address, signal).catch(() => null) ?? offset;
      }
    }
    localStorage.removeItem(known);
  };

  // How much has arrived; null when there is no such upload any more.
  const offsetOf = async (address, signal) => {
    try {
      return Number((await asked("HEAD", address, signal)).getResponseHeader("Upload-Offset"));
    } catch (error) {
      if (error.status === 404) return null;
      throw error;
    }
  };

  // XMLHttpRequest, for it tells how much of a piece has gone.
  const asked = (method, address, signal, headers = {}, body = null, sent = () => {}) => new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const failed = () => {
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      reject(Object.assign(new Error(method), { status: request.status, told: page.querySelector("h1")?.textContent }));
    };
    request.open(method, address);
    for (const [name, value] of Object.entries({ "Tus-Resumable": "1.0.0", "X-Form-Token": token, Accept: "text/html", "X-Fragment": "1", ...headers })) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => sent(event.loaded));
    request.addEventListener("load", () => (request.status < 300 ? resolve(request) : failed()));
    for (const kind of ["error", "abort", "timeout"]) request.addEventListener(kind, failed);
    signal.addEventListener("abort", () => request.abort());
    if (signal.aborted) failed();
    else request.send(body);
  });
}

function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

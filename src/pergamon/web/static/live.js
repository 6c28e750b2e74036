// A part of a page that is fetched anew by itself: when what is under way tells that it has moved; and when a link or a
// form in it, marked `data-part`, leads to the same page: then the address follows. Without scripts the page is loaded.
document.documentElement.classList.add("scripted");

const region = document.querySelector("[data-events], [data-parts]");
let source, newest;

async function show(address, remember) {
  const mine = newest = {};  // what was asked for before may come later, and is not shown any more
  region.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(address, { headers: { "X-Fragment": "1", Accept: "text/html" } });
    const text = await answer.text();
    if (mine !== newest) return;
    if (!answer.ok) return remember ? location.assign(address) : undefined;
    const made = new DOMParser().parseFromString(text, "text/html");
    const focused = region.contains(document.activeElement) && document.activeElement.id;
    region.replaceChildren(...made.body.childNodes);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    if (remember) history.pushState(null, "", address);
  } finally {
    if (mine === newest) region.removeAttribute("aria-busy");
  }
  if (!region.querySelector("[data-under-way]")) source?.close();
}

if (region?.dataset.events) {
  source = new EventSource(region.dataset.events);
  source.addEventListener("state", () => show(location.href, false));
  setInterval(() => {
    for (const one of region.querySelectorAll("[data-seconds]")) one.textContent = Number(one.textContent) + 1;
    for (const bar of region.querySelectorAll("progress")) bar.value += 1;
  }, 1000);
}
if (region?.hasAttribute("data-parts")) {
  const ask = (form) => show(`${form.getAttribute("action")}?${new URLSearchParams(new FormData(form))}`, true);
  region.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-part]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    show(link.href, true);
  });
  region.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-part]")) return;
    event.preventDefault();
    ask(event.target);
  });
  region.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-part]");
    if (form && event.target.type !== "number") ask(form);
  });
  addEventListener("popstate", () => show(location.href, false));
}

// A form with `data-live="#region"` shows its results while one types: the part of the page in that region is fetched
// anew, the address follows, and what had the focus keeps it. Links in the region that lead to the same page do the same.
// Without scripts the form is sent by its button.
document.documentElement.classList.add("scripted");

const PAUSE_MS = 140;

for (const form of document.querySelectorAll("form[data-live]")) {
  const region = document.querySelector(form.dataset.live);
  let timer, asked;

  const ask = async (address, remember = true) => {
    clearTimeout(timer);
    asked?.abort();
    asked = new AbortController();
    const mine = asked;
    region.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(address, { headers: { "X-Fragment": "1", Accept: "text/html" }, signal: mine.signal });
      if (answer.status === 401) return location.reload();
      replace(region, await answer.text());
      if (remember) history.replaceState(null, "", address);
    } catch (error) {
      if (error.name !== "AbortError") location.assign(address);
    } finally {
      if (mine === asked) region.removeAttribute("aria-busy");
    }
  };
  const addressOf = () => {
    const fields = [...new FormData(form)].filter(([, value]) => value !== "");
    const query = new URLSearchParams(fields).toString();
    return form.getAttribute("action") + (query ? `?${query}` : "");
  };

  form.addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(() => ask(addressOf()), event.target.type === "search" ? PAUSE_MS : 0);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask(addressOf());
  });
  region.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-live-link]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    mirror(form, new URL(link.href));
    ask(link.getAttribute("href")).then(() => region.scrollIntoView({ block: "nearest" }));
  });
}

// What is typed beside the region is as the address says.
function mirror(form, address) {
  for (const field of form.querySelectorAll("input[type=search], select")) {
    if (field.name) field.value = address.searchParams.get(field.name) ?? field.querySelector?.("option")?.value ?? "";
  }
}

function replace(region, text) {
  const focused = region.contains(document.activeElement) ? document.activeElement.id : null;
  const open = [...region.querySelectorAll("[popover]:popover-open")].map((one) => one.id);
  const shown = [...region.querySelectorAll("details[open][id]")].map((one) => one.id);
  const made = new DOMParser().parseFromString(text, "text/html");
  region.replaceChildren(...made.body.childNodes);
  for (const id of shown) document.getElementById(id)?.setAttribute("open", "");
  for (const id of open) document.getElementById(id)?.showPopover();
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

// The SQL editor: the text area stays the text area; behind it the same text is shown in colours. It completes the tables
// beside it, the columns of those that the text names, and after an alias and a dot the columns of that table. Ctrl+Enter
// runs it; a click on a name puts it where the cursor is.
document.documentElement.classList.add("scripted");

const KEYWORDS = new Set(("select from where group by order having limit offset as and or not in is null like ilike between case when then " +
  "else end join left right full inner outer cross on using union all except intersect distinct with recursive over partition " +
  "rows range asc desc cast try_cast exists filter values true false interval date timestamp qualify nulls first last").split(" "));
const TOKENS = /(--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|('(?:[^']|'')*'?)|("(?:[^"]|"")*"?)|(\b\d+(?:\.\d+)?(?:e[+-]?\d+)?\b)|([A-Za-z_]\w*)|([\s\S])/gi;
const KINDS = [null, "comment", "text", "name", "number"];
const NAMED = /\b(?:from|join)\s+("?\w+"?\."?\w+"?)(?:\s+(?:as\s+)?([a-z_]\w*))?/gi;
const MOST_OFFERED = 8;

const area = document.querySelector("textarea[data-editor]");
if (area) start(area);

function start(area) {
  const shown = area.parentElement.querySelector("code");
  const list = document.getElementById("completions");
  const status = document.getElementById("completions-status");
  let chosen = -1;

  const paint = () => {
    const made = document.createDocumentFragment();
    for (const found of area.value.matchAll(TOKENS)) {
      let kind = KINDS[found.findIndex((part, place) => place > 0 && part !== undefined)];
      if (found[5] !== undefined) kind = KEYWORDS.has(found[5].toLowerCase()) ? "keyword" : null;
      if (kind) {
        const span = document.createElement("span");
        span.className = `sql-${kind}`;
        span.textContent = found[0];
        made.append(span);
      } else made.append(found[0]);
    }
    made.append("\n");
    shown.replaceChildren(made);
    shown.parentElement.scrollTop = area.scrollTop;
    shown.parentElement.scrollLeft = area.scrollLeft;
  };

  const tables = new Map([...document.querySelectorAll("[data-table]")].map((one) => [one.dataset.table.toLowerCase(), one]));
  const columnsOf = (table) => [...table.querySelectorAll("li [data-name]")].map((one) => one.dataset.name);
  const load = async (table) => {
    const place = table.querySelector("[data-columns]");
    if (!place || place.dataset.asked) return;
    place.dataset.asked = "1";
    const answer = await fetch(place.dataset.columns, { headers: { "X-Fragment": "1", Accept: "text/html" } });
    if (!answer.ok) return delete place.dataset.asked;
    const made = new DOMParser().parseFromString(await answer.text(), "text/html");
    place.replaceWith(...made.body.childNodes);
  };
  // Which tables the text names: by their names and by their aliases.
  const named = () => {
    const found = new Map();
    for (const [, name, alias] of area.value.matchAll(NAMED)) {
      const table = tables.get(name.replaceAll('"', "").toLowerCase());
      if (!table) continue;
      load(table);
      found.set(table.dataset.table.split(".").pop().toLowerCase(), table);
      if (alias && !KEYWORDS.has(alias.toLowerCase())) found.set(alias.toLowerCase(), table);
    }
    return found;
  };
  const typed = () => area.value.slice(0, area.selectionStart).match(/[A-Za-z_][\w.]*$/)?.[0] ?? "";

  const fitting = (begun) => {
    const used = named();
    const dot = begun.lastIndexOf(".");
    const owner = used.get(begun.slice(0, dot).toLowerCase());
    const begins = (word, start) => word.toLowerCase().startsWith(start.toLowerCase());
    if (dot > 0 && owner) {
      return columnsOf(owner).filter((name) => begins(name, begun.slice(dot + 1))).map((name) => begun.slice(0, dot + 1) + name);
    }
    if (begun.length < 2) return [];
    const columns = [...(used.size ? used : tables).values()].flatMap(columnsOf).filter((name) => begins(name, begun));
    const names = [...tables.values()].map((one) => one.dataset.table);
    return [...columns, ...names.filter((name) => begins(name, begun) || begins(name.split(".").pop(), begun))];
  };
  const offer = () => {
    const begun = typed();
    const words = [...new Set(fitting(begun))].filter((word) => word.toLowerCase() !== begun.toLowerCase()).slice(0, MOST_OFFERED);
    chosen = words.length ? 0 : -1;
    list.replaceChildren(...words.map((word, place) => {
      const item = document.createElement("li");
      item.id = `completion-${place}`;
      item.role = "option";
      item.textContent = word;
      item.addEventListener("mousedown", (event) => { event.preventDefault(); take(word); });
      return item;
    }));
    list.hidden = words.length === 0;
    if (!list.hidden) moveTo(area.selectionStart - begun.length);
    status.textContent = words.length ? `${status.dataset.said} ${words.length}` : "";
    mark();
  };
  // Below the place where the word begins: the coloured text lies exactly where the text area's does.
  const moveTo = (offset) => {
    const texts = document.createTreeWalker(shown, NodeFilter.SHOW_TEXT);
    const range = document.createRange();
    let rest = offset;
    for (let node = texts.nextNode(); node; node = texts.nextNode()) {
      if (rest < node.length) {
        range.setStart(node, rest);
        range.setEnd(node, rest + 1);
        break;
      }
      rest -= node.length;
    }
    const [word, around] = [range.getBoundingClientRect(), area.getBoundingClientRect()];
    list.style.left = `${Math.max(0, Math.min(word.left - around.left - 10, around.width - list.offsetWidth - 4))}px`;
    list.style.top = `${word.bottom - around.top + 4}px`;
  };
  const mark = () => {
    [...list.children].forEach((item, place) => item.setAttribute("aria-selected", String(place === chosen)));
    if (chosen >= 0) area.setAttribute("aria-activedescendant", `completion-${chosen}`);
    else area.removeAttribute("aria-activedescendant");
  };
  const close = () => { list.hidden = true; chosen = -1; mark(); };
  const take = (word) => { area.setRangeText(word, area.selectionStart - typed().length, area.selectionStart, "end"); close(); paint(); };

  area.addEventListener("input", () => { paint(); offer(); });
  area.addEventListener("scroll", paint);
  area.addEventListener("blur", close);
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); area.form.requestSubmit(); return; }
    if (list.hidden) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      chosen = (chosen + (event.key === "ArrowDown" ? 1 : list.children.length - 1)) % list.children.length;
      mark();
    } else if (event.key === "Enter" || event.key === "Tab") { event.preventDefault(); take(list.children[chosen].textContent); }
    else if (event.key === "Escape") { event.preventDefault(); close(); }
  });
  document.addEventListener("click", (event) => {
    const name = event.target.closest("button[data-name]")?.dataset.name;
    if (name) { area.focus(); area.setRangeText(name, area.selectionStart, area.selectionEnd, "end"); paint(); }
  });
  document.addEventListener("toggle", (event) => { if (event.target.open && event.target.dataset?.table) load(event.target); }, true);
  paint();
  named();
}

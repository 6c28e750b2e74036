// The SQL editor: the text area stays the text area; behind it the same text is shown in colours. Names of the tables and
// columns beside it complete what is typed. Ctrl+Enter runs it; a click on a name puts it where the cursor is.
document.documentElement.classList.add("scripted");

const KEYWORDS = new Set(("select from where group by order having limit offset as and or not in is null like ilike between case when then " +
  "else end join left right full inner outer cross on using union all except intersect distinct with recursive over partition " +
  "rows range asc desc cast try_cast exists filter values true false interval date timestamp qualify nulls first last").split(" "));
const TOKENS = /(--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|('(?:[^']|'')*'?)|("(?:[^"]|"")*"?)|(\b\d+(?:\.\d+)?(?:e[+-]?\d+)?\b)|([A-Za-z_]\w*)|([\s\S])/gi;
const KINDS = [null, "comment", "text", "name", "number"];

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

  const words = () => [...document.querySelectorAll("[data-name]")].map((one) => one.dataset.name);
  const typed = () => area.value.slice(0, area.selectionStart).match(/[A-Za-z_][\w.]*$/)?.[0] ?? "";

  const offer = () => {
    const begun = typed().toLowerCase();
    const fitting = begun.length < 2 ? [] : [...new Set(words())].filter((word) => {
      const lower = word.toLowerCase();
      return lower !== begun && (lower.startsWith(begun) || lower.split(".").pop().startsWith(begun));
    }).slice(0, 8);
    chosen = fitting.length ? 0 : -1;
    list.replaceChildren(...fitting.map((word, place) => {
      const item = document.createElement("li");
      item.id = `completion-${place}`;
      item.role = "option";
      item.textContent = word;
      item.addEventListener("mousedown", (event) => { event.preventDefault(); take(word); });
      return item;
    }));
    list.hidden = fitting.length === 0;
    area.setAttribute("aria-expanded", String(!list.hidden));
    status.textContent = fitting.length ? `${fitting.length}` : "";
    mark();
  };
  const mark = () => {
    [...list.children].forEach((item, place) => item.setAttribute("aria-selected", String(place === chosen)));
    if (chosen >= 0) area.setAttribute("aria-activedescendant", `completion-${chosen}`);
    else area.removeAttribute("aria-activedescendant");
  };
  const close = () => { list.hidden = true; chosen = -1; area.setAttribute("aria-expanded", "false"); mark(); };
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
  document.addEventListener("toggle", async (event) => {
    const place = event.target.querySelector?.("[data-columns]");
    if (!place || !event.target.open) return;
    const answer = await fetch(place.dataset.columns, { headers: { "X-Fragment": "1", Accept: "text/html" } });
    const made = new DOMParser().parseFromString(await answer.text(), "text/html");
    place.replaceWith(...made.body.childNodes);
  }, true);
  paint();
}

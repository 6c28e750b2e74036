// Changes light and dark, and keeps the choice, without loading the page anew. Without scripts the form does the same.
for (const form of document.querySelectorAll("form[data-theme-switch]")) {
  form.addEventListener("submit", (event) => {
    const chosen = event.submitter?.value;
    if (!chosen) return;
    event.preventDefault();
    const body = new URLSearchParams(new FormData(form));
    body.set("theme", chosen);
    fetch(form.action, { method: "POST", body, redirect: "manual" }).then(() => show(chosen), () => form.submit());
  });
}

function show(chosen) {
  if (chosen === "auto") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.dataset.theme = chosen;
  for (const button of document.querySelectorAll("form[data-theme-switch] button")) {
    button.setAttribute("aria-pressed", String(button.value === chosen));
  }
}

// What is under way tells when it moves: then the part of the page that shows it is fetched anew.
const region = document.querySelector("[data-events]");
if (region) {
  const source = new EventSource(region.dataset.events);
  source.addEventListener("state", async (event) => {
    const answer = await fetch(location.href, { headers: { "X-Fragment": "1", Accept: "text/html" } });
    if (!answer.ok) return;
    const made = new DOMParser().parseFromString(await answer.text(), "text/html");
    region.replaceChildren(...made.body.childNodes);
    if (!region.querySelector("[data-under-way]")) source.close();
  });
}

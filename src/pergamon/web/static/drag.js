// A drawing that is larger than its place is dragged with the mouse; a finger, the scroll bar and the arrow keys move it too.
for (const place of document.querySelectorAll(".drawing")) {
  let from = null;
  let dragged = false;
  place.addEventListener("pointerdown", (event) => {
    dragged = false;
    if (event.button === 0 && event.pointerType === "mouse") from = [event.clientX + place.scrollLeft, event.clientY + place.scrollTop];
  });
  place.addEventListener("pointermove", (event) => {
    if (!from) return;
    const [left, top] = [from[0] - event.clientX, from[1] - event.clientY];
    if (!dragged && Math.abs(left - place.scrollLeft) + Math.abs(top - place.scrollTop) < 5) return;
    dragged = true;
    place.setPointerCapture(event.pointerId);
    place.scrollTo({ left, top, behavior: "instant" });
  });
  for (const end of ["pointerup", "pointercancel"]) place.addEventListener(end, () => { from = null; });
  place.addEventListener("dragstart", (event) => event.preventDefault());
  place.addEventListener("click", (event) => { if (dragged) event.preventDefault(); }, true);
}

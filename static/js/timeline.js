// On narrow screens the timeline scrolls sideways: it begins with now in the middle, and keeps its place when refreshed.
"use strict";
(() => {
  const plot = () => document.querySelector(".r-tl");
  let kept = null;
  const place = () => {
    const box = plot();
    if (!box || box.scrollWidth <= box.clientWidth) return;
    const label = box.querySelector(".lab")?.offsetWidth || 0;
    const middle = label + ((box.scrollWidth - label) * Number(box.dataset.now)) / 100 - box.clientWidth / 2;
    box.scrollLeft = kept ?? middle;
    box.addEventListener("scroll", () => { kept = box.scrollLeft; }, { passive: true });
  };
  document.body.addEventListener("htmx:afterSettle", place);
  place();
})();

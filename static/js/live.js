// Parts with data-live ask for themselves again every so many seconds, unless nobody looks or somebody is at work in them.
"use strict";
(() => {
  const busy = (part) =>
    document.hidden || document.querySelector("dialog[open], details.r-menu[open]") ||
    part.querySelector("input[name=ids]:checked, .htmx-request") || part.matches(".htmx-request") ||
    document.activeElement.matches("main input[type=search]:not(#q)");
  let last = Date.now();
  window.setInterval(() => {
    const part = document.querySelector("[data-live]");
    if (!part || Date.now() - last < Number(part.dataset.live) * 1000 || busy(part)) return;
    last = Date.now();
    const focused = part.contains(document.activeElement) ? document.activeElement : null;
    const again = focused?.getAttribute("aria-label");
    htmx.trigger(part, "rota:refresh");
    if (!again) return;
    document.body.addEventListener("htmx:afterSettle", () => {
      if (document.activeElement === document.body) document.querySelector(`[data-live] [aria-label="${CSS.escape(again)}"]`)?.focus();
    }, { once: true });
  }, 250);
})();

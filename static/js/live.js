// Parts with data-live ask for themselves again: at once when the server hints that something has changed, and every so
// many seconds anyway; not while nobody looks or somebody is at work in them. The stream of hints is opened again when
// it breaks, and closed while the window is hidden: browsers allow few connections to one server.
"use strict";
(() => {
  const GAP = 1000;
  const busy = (part) =>
    document.hidden || document.querySelector("dialog[open], details.r-menu[open]") ||
    part.querySelector("input[name=ids]:checked, .htmx-request") || part.matches(".htmx-request") ||
    document.activeElement.matches("main input[type=search]:not(#q)");
  let last = Date.now();
  let stale = false;
  let stream = null;
  let broken = 0;

  const refresh = (part) => {
    last = Date.now();
    stale = false;
    const focused = part.contains(document.activeElement) ? document.activeElement : null;
    const again = focused?.getAttribute("aria-label");
    htmx.trigger(part, "rota:refresh");
    if (!again) return;
    document.body.addEventListener("htmx:afterSettle", () => {
      if (document.activeElement === document.body) document.querySelector(`[data-live] [aria-label="${CSS.escape(again)}"]`)?.focus();
    }, { once: true });
  };

  const told = () => stream?.readyState === EventSource.OPEN;
  window.setInterval(() => {
    const part = document.querySelector("[data-live]");
    if (!part) return;
    const wait = stale ? GAP : Number(part.dataset.live) * (told() ? 3000 : 1000);
    if (Date.now() - last >= wait && !busy(part)) refresh(part);
  }, 250);

  const show = (counts) => Object.entries(counts).forEach(([name, count]) => {
    document.querySelectorAll(`[data-count="${name}"]`).forEach((place) => {
      place.textContent = count.text;
      place.hidden = !count.shown;
      if (count.said) { place.setAttribute("aria-label", count.said); place.setAttribute("role", "img"); }
    });
  });
  const kept = "rota:counts";
  const lang = document.documentElement.lang;
  try { const old = JSON.parse(window.sessionStorage.getItem(kept)); if (old?.lang === lang) show(old.counts); } catch { /* none kept */ }

  const open = () => {
    if (stream || document.hidden) return;
    stream = new EventSource("/ui/events");
    stream.addEventListener("open", () => { broken = 0; });
    stream.addEventListener("change", (event) => {
      const part = document.querySelector("[data-live]");
      const wanted = part?.dataset.topics?.split(" ");
      if (part && (!wanted || event.data.split(" ").some((topic) => wanted.includes(topic)))) stale = true;
    });
    stream.addEventListener("counts", (event) => {
      const counts = JSON.parse(event.data);
      show(counts);
      window.sessionStorage.setItem(kept, JSON.stringify({ lang, counts }));
    });
    stream.addEventListener("error", () => {
      // The browser tries again by itself after a broken connection, not after an answer it did not expect.
      if (stream?.readyState !== EventSource.CLOSED) return;
      stream = null;
      broken += 1;
      if (broken < 6) window.setTimeout(open, 1000 * 2 ** broken);
    });
  };
  const close = () => { stream?.close(); stream = null; };
  document.addEventListener("visibilitychange", () => { if (document.hidden) close(); else { stale = true; open(); } });
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", open);
  open();
})();

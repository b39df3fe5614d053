// The output: new lines come by a stream while it runs, its end is followed until somebody scrolls up; hits are stepped
// through, also into parts that are not loaded; never more than LINES rows in the document.
"use strict";
(() => {
  const LINES = 1000;
  const card = () => document.getElementById("ex-log");
  const pane = () => document.getElementById("log-lines");
  let follow = true;
  let wrap = true;
  let moved = false;
  let current = -1;

  const atEnd = (log) => log.scrollHeight - log.scrollTop - log.clientHeight < 24;
  const live = () => card()?.hasAttribute("data-stream");
  const again = () => {
    const button = card()?.querySelector("[data-follow]");
    if (button) button.hidden = !live() || follow;
  };
  const toEnd = () => { const log = pane(); if (log) { moved = true; log.scrollTop = log.scrollHeight; } };
  const scrolled = () => {
    if (moved) { moved = false; return; }
    follow = atEnd(pane());
    again();
  };
  const apply = () => {
    const log = pane();
    if (!log) return;
    log.classList.toggle("nowrap", !wrap);
    card().querySelector("[data-wrap]").setAttribute("aria-pressed", String(wrap));
    if (live() && follow) toEnd();
    again();
    if (!log.dataset.watched) { log.dataset.watched = "1"; log.addEventListener("scroll", scrolled); }
  };

  // ---- what was found ----
  const hits = () => [...(pane()?.querySelectorAll(".r-hit") || [])];
  const mark = (index) => {
    const all = hits();
    all[current]?.classList.remove("here");
    current = index;
    all[current].classList.add("here");
    all[current].scrollIntoView({ block: "center", inline: "nearest" });
    const found = card().querySelector("[data-found]");
    const whole = !pane().dataset.beforeHit && !pane().dataset.afterHit;
    if (found && whole) found.textContent = found.dataset.found.replace("{i}", current + 1).replace("{n}", all.length);
  };
  const step = async (by) => {
    const all = hits();
    const next = current + by;
    if (next >= 0 && next < all.length) { mark(next); return; }
    const beyond = by > 0 ? pane()?.dataset.afterHit : pane()?.dataset.beforeHit;
    if (beyond) { await load(beyond); if (hits().length) mark(by > 0 ? 0 : hits().length - 1); return; }
    if (all.length) mark(by > 0 ? 0 : all.length - 1);
  };

  // ---- other parts of it ----
  const load = async (url) => {
    const address = new URL(url, window.location.href);
    const part = new URL(address);
    part.pathname = address.pathname.replace(/\/log$/, "") + "/log";
    await htmx.ajax("GET", part.pathname + part.search, { target: "#ex-log", swap: "outerHTML" });
    address.hash = "";
    window.history.replaceState(null, "", address);
    current = -1;
    apply();
    connect();
  };
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-wrap]")) { wrap = !wrap; apply(); }
    if (event.target.closest("[data-follow]")) { follow = true; toEnd(); again(); }
    const way = event.target.closest("#ex-log a[href*='#ex-log']");
    if (!way || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    follow = !way.matches("[data-earlier]");
    const back = way.matches("[data-earlier]") ? pane().querySelector(".l")?.id : null;
    load(way.href).then(() => {
      if (back) document.getElementById(back)?.scrollIntoView({ block: "start" });
      else if (way.matches("[data-later]")) pane().scrollTop = 0;
      pane()?.focus({ preventScroll: true });
    });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("#find-log")) return;
    if (event.target.value !== event.target.defaultValue || !hits().length) return;
    event.preventDefault();
    step(event.shiftKey ? -1 : 1);
  });
  const submit = (form) => {
    const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    const at = document.activeElement?.name;
    load(form.action.split("#")[0] + (query.size ? `?${query}` : "")).then(() => {
      if (at) card().querySelector(`[name="${at}"]`)?.focus({ preventScroll: true });
      if (hits().length) mark(0);
    });
  };
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-log-form]")) return;
    event.preventDefault();
    submit(event.target);
  });
  document.addEventListener("change", (event) => {
    const form = event.target.closest("[data-log-form]");
    if (form && !event.target.matches("#find-log")) submit(form);
  });

  // ---- new lines ----
  let stream = null;
  let of = "";
  let waiting = "";
  const add = () => {
    const log = pane();
    if (!log || !waiting) return;
    const fresh = document.createElement("template");
    fresh.innerHTML = waiting;
    waiting = "";
    log.querySelectorAll(".l.open, [data-none]").forEach((row) => row.remove());
    if (fresh.content.querySelector("[data-missed]")) log.querySelectorAll(".l, .sep:not(:has(a))").forEach((row) => row.remove());
    log.append(fresh.content);
    if (follow || log.childElementCount > 3 * LINES) {
      const rows = log.querySelectorAll(".l");
      for (let i = 0; i < rows.length - LINES; i += 1) rows[i].remove();
    }
    if (follow) toEnd();
  };
  const close = () => { stream?.close(); stream = null; };
  const connect = () => {
    const url = card()?.dataset.stream;
    if (!url || document.hidden) { close(); return; }
    if (stream && of === url && stream.readyState !== EventSource.CLOSED) return;
    close();
    of = url;
    let after = Number(card().dataset.after);
    const opened = new EventSource(`${url}${url.includes("?") ? "&" : "?"}after=${after}`);
    stream = opened;
    opened.addEventListener("message", (event) => {
      after = Number(event.lastEventId) || after;
      if (card()) card().dataset.after = after;
      if (!waiting) window.requestAnimationFrame(add);
      waiting += event.data;
    });
    opened.addEventListener("end", () => { close(); htmx.trigger(document.body, "rota:refresh"); });
  };
  document.addEventListener("visibilitychange", connect);
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", connect);
  document.body.addEventListener("htmx:afterSettle", () => { apply(); connect(); });
  apply();
  connect();
  if (hits().length && !window.location.hash.startsWith("#L")) mark(0);
})();

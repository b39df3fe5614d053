// The schedule builder: starting points fill in the expression; the part under the caret is named.
"use strict";
(() => {
  const cron = document.getElementById("f-cron");
  const zone = document.getElementById("f-timezone");
  if (!cron) return;
  const keys = [...document.querySelectorAll(".r-cronkey span")];
  const name = () => {
    const part = cron.value.slice(0, cron.selectionStart ?? 0).trimStart().split(/\s+/).length - 1;
    const plain = cron.value.trim().split(/\s+/).length <= 5 && !cron.value.trim().startsWith("@");
    keys.forEach((key, i) => key.classList.toggle("here", plain && document.activeElement === cron && i === part));
  };
  ["input", "keyup", "click", "focus", "blur"].forEach((kind) => cron.addEventListener(kind, name));
  document.addEventListener("click", (event) => {
    const start = event.target.closest("[data-cron]");
    if (!start) return;
    cron.value = start.dataset.cron;
    cron.dispatchEvent(new Event("input", { bubbles: true }));
    cron.focus();
  });
  document.addEventListener("click", (event) => {
    const spread = event.target.closest("[data-spread]");
    const field = document.getElementById("f-jitter");
    if (!spread || !field) return;
    field.value = spread.dataset.spread;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  });
  document.querySelectorAll("[name=schedule]").forEach((radio) => radio.addEventListener("change", () => {
    htmx.trigger("[data-preview]", "rota:preview");
  }));
  // What was typed while the page was still loading: htmx listens from then on only.
  document.addEventListener("DOMContentLoaded", () => {
    if (cron.value !== cron.defaultValue) htmx.trigger("[data-preview]", "rota:preview");
  });
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && own && zone.value === "" ) zone.value = own;
})();

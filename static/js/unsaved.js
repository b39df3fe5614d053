// Leaving a form that was changed asks first.
"use strict";
(() => {
  const form = document.querySelector("form[data-unsaved]");
  if (!form) return;
  let changed = form.querySelector(".is-invalid") !== null;
  form.addEventListener("input", () => { changed = true; });
  form.addEventListener("submit", () => { changed = false; });
  window.addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
  form.querySelector(".is-invalid")?.focus();
})();

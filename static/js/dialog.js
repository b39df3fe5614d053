// A question that the server put into #dialog is shown as a modal; its answers close it.
"use strict";
(() => {
  const dialog = document.getElementById("dialog");
  if (!dialog || !dialog.showModal) return;
  // Once it has settled: before that htmx does not know its forms, and an answer would leave the page.
  document.body.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target !== dialog || !dialog.firstElementChild) return;
    if (!dialog.open) dialog.showModal();
    (dialog.querySelector("[autofocus]") || dialog).focus();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close]")) {
      event.preventDefault();
      dialog.close();
    }
  });
  dialog.addEventListener("close", () => dialog.replaceChildren());
  document.body.addEventListener("rota:toast", () => { if (dialog.open) dialog.close(); });
})();

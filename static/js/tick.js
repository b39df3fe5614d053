// "in 2 min 41 s" counts down between two answers of the server, by the server's clock.
"use strict";
(() => {
  const body = document.body.dataset;
  const ahead = Date.parse(body.now) - Date.now();
  const fill = (pattern, m, s) => pattern.replace("{m}", m).replace("{s}", s);
  const words = (seconds) => {
    if (seconds <= 0) return body.due;
    if (seconds < 60) return fill(body.inSeconds, "", seconds);
    return fill(body.inMinutes, Math.floor(seconds / 60), String(seconds % 60).padStart(2, "0"));
  };
  window.setInterval(() => {
    if (document.hidden) return;
    document.querySelectorAll("time[data-in]").forEach((time) => {
      const text = words(Math.round((Date.parse(time.dateTime) - Date.now() - ahead) / 1000));
      if (time.textContent !== text) time.textContent = text;
    });
  }, 1000);
})();

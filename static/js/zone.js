// Tell the server the reader's time zone (a cookie), and name their own time in the tooltips of other zones.
"use strict";
(() => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!zone) return;
  const value = encodeURIComponent(zone);
  if (!document.cookie.split("; ").includes(`rota_tz=${value}`)) {
    document.cookie = `rota_tz=${value}; path=/; max-age=31536000; samesite=lax`;
  }
  const format = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "medium" });
  document.addEventListener("pointerover", (event) => {
    const time = event.target instanceof Element ? event.target.closest("time[datetime]") : null;
    if (!time || time.dataset.told || time.title.endsWith(" " + zone)) return;
    time.dataset.told = "1";
    time.title += ` · ${format.format(new Date(time.dateTime))} ${zone}`;
  });
})();

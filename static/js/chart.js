// The runs of a task over time, to zoom into, for who asks for it: the page is light without. In place of the bars that are
// there without a script; the table below the chart says the same in numbers.
"use strict";
(() => {
  const box = document.querySelector("[data-chart]");
  const begin = document.querySelector("[data-chart-begin]");
  if (!box || !begin) return;
  const library = () => new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = box.dataset.library;
    script.addEventListener("load", done);
    script.addEventListener("error", failed);
    document.head.append(script);
  });
  const data = async () => {
    const answer = await fetch(box.dataset.chart, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(answer.statusText);
    return answer.json();
  };
  begin.hidden = false;
  begin.addEventListener("click", async () => {
    begin.disabled = true;
    try {
      const [found] = await Promise.all([data(), library()]);
      begin.closest("[data-chart-ask]").remove();
      draw(box, found);
      box.focus();
    } catch {
      begin.disabled = false;
    }
  });
})();

function draw(box, { time, value, outcome, id, limit, usual, metric, words }) {
  const tools = document.querySelector("[data-chart-tools]");
  const place = tools.querySelector("output");
  const lang = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;
  const format = (options) => new Intl.DateTimeFormat(lang, { hourCycle: "h23", timeZone: box.dataset.zone, ...options });
  const day = format({ day: "numeric", month: "short" });
  const clock = format({ hour: "2-digit", minute: "2-digit" });
  const exact = format({ dateStyle: "medium", timeStyle: "medium" });

  const fill = (pattern, values) => pattern.replace(/\{(\w)\}/g, (_, name) => values[name]);
  const two = (number) => String(number).padStart(2, "0");
  const lasted = (seconds) => {
    if (seconds && seconds < 0.0995) return fill(words.ms, { n: Math.round(seconds * 1000) });
    if (seconds < 9.95) return fill(words.s, { n: seconds ? seconds.toFixed(1) : 0 });
    const whole = Math.round(seconds);
    if (whole < 60) return fill(words.s, { n: whole });
    if (whole < 3600) return fill(words.m, { m: Math.floor(whole / 60), s: two(whole % 60) });
    return fill(words.h, { h: Math.floor(whole / 3600), m: two(Math.floor((whole % 3600) / 60)) });
  };
  const sized = (bytes) => {
    if (bytes < 1000) return `${Math.round(bytes)} B`;
    const step = Math.min(4, Math.floor(Math.log10(bytes) / 3));
    const amount = bytes / 1000 ** step;
    return `${amount < 10 ? amount.toFixed(1) : Math.round(amount)} ${["B", "kB", "MB", "GB", "TB"][step]}`;
  };
  const said = metric === "memory" ? sized : lasted;

  // Colours come from the style sheet, which knows light and dark; a canvas has to be told.
  const probe = document.createElement("i");
  probe.hidden = true;
  document.body.append(probe);
  let colours = {};
  const colour = (name, family = "") => {
    const key = name + family;
    if (!colours[key]) {
      probe.className = family;
      probe.style.color = `var(${name})`;
      colours[key] = getComputedStyle(probe).color;
    }
    return colours[key];
  };

  // Hue says whose business it is, shape says what exactly: as the marks of the other charts do.
  const shapes = {
    success: (c, r) => c.arc(0, 0, r * 0.8, 0, 7),
    failed: (c, r) => c.rect(-r, -r, 2 * r, 2 * r),
    timed_out: (c, r) => { c.moveTo(-r, -r); c.lineTo(r, -r); c.lineTo(-r, r); c.lineTo(r, r); c.closePath(); },
    lost: (c, r) => { c.moveTo(0, -1.3 * r); c.lineTo(1.3 * r, 0); c.lineTo(0, 1.3 * r); c.lineTo(-1.3 * r, 0); c.closePath(); },
  };
  const marks = (u) => {
    const { ctx, bbox } = u;
    const ratio = window.devicePixelRatio;
    const wide = (at) => u.valToPos(at, "x", true);
    const tall = (at) => u.valToPos(at, "y", true);
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left - 6 * ratio, bbox.top - 6 * ratio, bbox.width + 12 * ratio, bbox.height + 12 * ratio);
    ctx.clip();
    if (usual) {
      ctx.globalAlpha = 0.5;
      ctx.fillStyle = colour("--r-ink-soft");
      ctx.fillRect(bbox.left, tall(usual[1]), bbox.width, Math.max(2, tall(usual[0]) - tall(usual[1])));
      ctx.globalAlpha = 1;
    }
    if (limit) {
      ctx.strokeStyle = colour("--r-warn");
      ctx.lineWidth = ratio;
      ctx.setLineDash([4 * ratio, 4 * ratio]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, tall(limit));
      ctx.lineTo(bbox.left + bbox.width, tall(limit));
      ctx.stroke();
    }
    const mark = (i) => {
      if (time[i] < u.scales.x.min || time[i] > u.scales.x.max) return;
      const shape = shapes[outcome[i]];
      ctx.setTransform(1, 0, 0, 1, wide(time[i]), tall(value[i]));
      ctx.beginPath();
      (shape || ((c, r) => c.arc(0, 0, r * 0.8, 0, 7)))(ctx, (box.clientWidth < 600 ? 3 : 4) * ratio);
      ctx.setLineDash([]);
      ctx.lineWidth = 1.5 * ratio;
      ctx.fillStyle = ctx.strokeStyle = colour("--o", `o-${outcome[i]}`);
      if (shape) ctx.fill(); else ctx.stroke();
    };
    // Trouble above what went well.
    time.forEach((_, i) => { if (outcome[i] === "success") mark(i); });
    time.forEach((_, i) => { if (outcome[i] !== "success") mark(i); });
    ctx.restore();
  };

  const days = (u, splits, _axis, _space, step) => {
    let before = "";
    return splits.map((at) => {
      const date = day.format(at * 1000);
      const text = step >= 86400 ? date : clock.format(at * 1000) + (date === before ? "" : `\n${date}`);
      before = date;
      return text;
    });
  };
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const room = (u, texts) => Math.max(34, ...(texts || []).map((text) => [...text].reduce((n, c) => n + (c > "\u2e00" ? 11.5 : 6.4), 16)));
  const axis = { font, stroke: () => colour("--r-faint"), ticks: { show: false } };
  const grid = { stroke: () => colour("--r-line"), width: 1 };
  const steps = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800];
  const tell = (u) => {
    const i = u.cursor.idx;
    const shown = i !== null && i !== undefined && u.cursor.left >= 0;
    place.textContent = shown
      ? [exact.format(time[i] * 1000), words.states[outcome[i]], said(value[i])].join(words.comma)
      : place.dataset.idle;
  };

  box.replaceChildren();
  const pad = (low, high) => (high - low < 2 ? [low - 1800, high + 1800] : [low, high]);
  const plot = new window.uPlot({
    width: box.clientWidth - 32,
    height: 260,
    padding: [10, 10, 0, 0],
    tzDate: (at) => window.uPlot.tzDate(new Date(at * 1000), box.dataset.zone),
    legend: { show: false },
    cursor: { y: false, drag: { x: true, y: false }, points: { size: 14, width: 1.5, fill: "transparent", stroke: () => colour("--r-focus") } },
    scales: {
      x: { time: true, range: (_, low, high) => pad(low, high) },
      y: { range: (_, _low, high) => [0, Math.max(limit && limit < high * 3 ? limit : 0, high || 1) * 1.06] },
    },
    axes: [
      { ...axis, grid: { show: false }, values: days, space: 84, size: 40 },
      { ...axis, grid, values: (_, splits) => splits.map(said), size: room, space: 40, ...(metric === "memory" ? {} : { incrs: steps }) },
    ],
    series: [{}, { paths: () => null, points: { show: false } }],
    hooks: { draw: [marks], setCursor: [tell] },
  }, [time, value], box);
  box.tabIndex = 0;
  box.setAttribute("role", "group");
  tools.hidden = false;
  tell(plot);

  const first = time[0];
  const last = time[time.length - 1];
  const go = (low, high) => {
    const size = Math.min(Math.max(high - low, 60), Math.max(last - first, 60));
    const from = Math.min(Math.max(low, first), Math.max(last - size, first));
    plot.setScale("x", { min: from, max: from + size });
  };
  const ways = {
    all: () => plot.setScale("x", { min: first, max: last }),
    in: (a, b) => go(a + (b - a) / 4, b - (b - a) / 4),
    out: (a, b) => go(a - (b - a) / 2, b + (b - a) / 2),
    left: (a, b) => go(a - (b - a) / 2, b - (b - a) / 2),
    right: (a, b) => go(a + (b - a) / 2, b + (b - a) / 2),
  };
  tools.addEventListener("click", (event) => {
    const button = event.target.closest("[data-zoom]");
    if (button) ways[button.dataset.zoom](plot.scales.x.min, plot.scales.x.max);
  });

  const open = (i) => { if (id[i]) window.location.assign(`/ui/executions/${id[i]}`); };
  let pressed = 0;
  plot.over.addEventListener("pointerdown", (event) => { pressed = event.clientX; });
  plot.over.addEventListener("click", (event) => { if (Math.abs(event.clientX - pressed) < 4) open(plot.cursor.idx); });
  let here = time.length;
  box.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Enter") open(here);
    if (!step) return;
    event.preventDefault();
    here = Math.min(Math.max(here + step, 0), time.length - 1);
    const { min, max } = plot.scales.x;
    if (time[here] < min || time[here] > max) go(time[here] - (max - min) / 2, time[here] + (max - min) / 2);
    plot.setCursor({ left: plot.valToPos(time[here], "x"), top: plot.valToPos(value[here], "y") });
  });

  new ResizeObserver(() => plot.setSize({ width: box.clientWidth - 32, height: 260 })).observe(box);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { colours = {}; plot.redraw(); });
}

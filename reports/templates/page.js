"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const hidden = new Set();
  const root = document.documentElement;
  const isDark = () => root.dataset.theme === "dark";
  const safe = (name) => name.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

  for (const each of document.querySelectorAll(".needs-script")) each.hidden = false;

  // Light and dark
  function setTheme(dark) {
    root.dataset.theme = dark ? "dark" : "light";
    byId("theme").setAttribute("aria-pressed", String(dark));
    byId("theme").textContent = dark ? "Light" : "Dark";
    drawChips();
    drawCurves();
  }
  byId("theme").addEventListener("click", () => setTheme(!isDark()));

  // Strategies on and off
  const DASHES = { solid: "", dash: "6 3", dot: "1.5 2.5", dashdot: "6 2 1.5 2", longdash: "10 3" };
  function swatch(strategy) {
    const colour = isDark() ? strategy.dark : strategy.colour;
    const open = strategy.symbol.includes("-open");
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 30 14");
    svg.setAttribute("aria-hidden", "true");
    const add = (name, attributes) => {
      const node = document.createElementNS("http://www.w3.org/2000/svg", name);
      for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
      svg.append(node);
    };
    add("path", { d: "M0 7h30", stroke: colour, "stroke-width": 1.8, "stroke-dasharray": DASHES[strategy.dash] });
    add("path", {
      d: strategy.outline, transform: "translate(15 7)", fill: open ? "white" : colour, stroke: colour,
    });
    return svg;
  }
  function drawChips() {
    byId("chips").replaceChildren(...data.strategies.map((strategy) => {
      const chip = document.createElement("button");
      chip.type = "button";
      chip.className = "chip";
      chip.dataset.label = strategy.label;
      chip.setAttribute("aria-pressed", String(!hidden.has(strategy.label)));
      chip.append(swatch(strategy), strategy.label);
      chip.addEventListener("click", () => {
        if (!hidden.delete(strategy.label)) hidden.add(strategy.label);
        chip.setAttribute("aria-pressed", String(!hidden.has(strategy.label)));
        refresh();
      });
      return chip;
    }));
  }
  function showAll(all) {
    hidden.clear();
    if (!all) for (const strategy of data.strategies) hidden.add(strategy.label);
    drawChips();
    refresh();
  }
  byId("show-all").addEventListener("click", () => showAll(true));
  byId("show-none").addEventListener("click", () => showAll(false));
  byId("toggles").hidden = data.strategies.length === 0;

  // Tables
  const WORDS = new Intl.Collator("en", { numeric: true });
  function sortBy(table, place, ascending) {
    const body = table.tBodies[0];
    const number = (row) => {
      const cell = row.cells[place];
      return cell.dataset.value ?? /^-?\d+(\.\d+)?(?= |$)/.exec(cell.textContent)?.[0];
    };
    const compare = (a, b) => {
      const [x, y] = [number(a), number(b)];
      if (x !== undefined && y !== undefined) return (ascending ? 1 : -1) * (Number(x) - Number(y));
      if (x !== undefined || y !== undefined) return x === undefined ? 1 : -1; // what has no number stays last
      return (ascending ? 1 : -1) * WORDS.compare(a.cells[place].textContent, b.cells[place].textContent);
    };
    body.append(...[...body.rows].sort(compare));
    for (const head of table.tHead.rows[0].cells) head.removeAttribute("aria-sort");
    table.tHead.rows[0].cells[place].setAttribute("aria-sort", ascending ? "ascending" : "descending");
  }
  for (const input of document.querySelectorAll("input[data-table]")) {
    const table = byId(input.dataset.table);
    [...table.tHead.rows[0].cells].forEach((head, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      button.addEventListener("click", () => sortBy(table, place, head.getAttribute("aria-sort") !== "ascending"));
      head.replaceChildren(button);
    });
    input.addEventListener("input", () => filter(input));
  }
  function filter(input) {
    const rows = [...byId(input.dataset.table).tBodies[0].rows];
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = hidden.has(row.dataset.label) || !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    input.closest(".filter").querySelector(".count").textContent = `${shown} of ${rows.length} rows`;
  }

  // Curves
  const choices = ["setting", "target", "metric"];
  function fill(name) {
    const select = byId(`choose-${name}`);
    const before = choices.slice(0, choices.indexOf(name));
    const fitting = data.charts.filter((chart) => before.every((each) => chart[each] === byId(`choose-${each}`).value));
    const values = [...new Set(fitting.map((chart) => chart[name]))];
    const kept = values.includes(select.value) ? select.value : values[0];
    select.replaceChildren(...values.map((value) => new Option(value, value, false, value === kept)));
  }
  function drawCurves() {
    if (!data.charts.length) return;
    const chart = data.charts.find((each) => choices.every((name) => each[name] === byId(`choose-${name}`).value));
    const [x, scale] = [byId("choose-x").value, byId("choose-scale").value];
    const style = getComputedStyle(root);
    const ink = style.getPropertyValue("--ink").trim();
    const rule = style.getPropertyValue("--rule").trim();
    const traces = [], seen = [];
    const shown = chart.series.filter((series) => !hidden.has(series.label));
    const band = shown.length > 8 ? "0d" : "22";
    let end = 0;
    for (const series of shown) {
      const strategy = data.strategies.find((each) => each.label === series.label);
      if (!strategy) continue;
      const colour = isDark() ? strategy.dark : strategy.colour;
      const at = x === "kimg" ? series.kimg ?? chart.kimg : series.seconds;
      const [low, high] = [-1, 1].map((sign) => series.mean.map((mean, i) => mean + sign * series.half[i]));
      const n = (i) => Array.isArray(series.n) ? series.n[i] : series.n;
      end = Math.max(end, ...at);
      seen.push(...series.mean);
      traces.push({
        x: [...at, ...[...at].reverse()], y: [...high, ...low.reverse()],
        fill: "toself", fillcolor: colour + band, line: { width: 0 }, mode: "lines", hoverinfo: "skip",
        showlegend: false,
      });
      traces.push({
        x: at, y: series.mean, name: safe(series.label), mode: "lines+markers",
        line: { color: colour, dash: strategy.dash, width: 2 }, marker: { symbol: strategy.symbol, size: 7 },
        customdata: series.mean.map((mean, i) => [mean - series.half[i], mean + series.half[i], n(i)]),
        hovertemplate: "%{y:.4g} [%{customdata[0]:.4g}, %{customdata[1]:.4g}], n = %{customdata[2]}",
      });
    }
    const level = (y, name, dash) => {
      if (y !== null && (y > 0 || scale === "linear")) {
        seen.push(y);
        traces.push({ x: [0, end], y: [y, y], name, mode: "lines", line: { color: "#8a8f96", dash, width: 1.5 } });
      }
    };
    level(chart.floor, "real vs. real (floor)", "dot");
    level(chart.ceiling, "unadapted source (ceiling)", "dash");
    // The means set the range, not the widest interval: with two seeds one is many times as wide as all curves.
    const heights = seen.filter((y) => Number.isFinite(y) && (y > 0 || scale === "linear"))
      .map((y) => scale === "log" ? Math.log10(y) : y);
    const [lowest, highest] = [Math.min(...heights), Math.max(...heights)];
    const room = 0.15 * (highest - lowest) || 0.1 * Math.abs(highest) || 1;
    const axis = { gridcolor: rule, zerolinecolor: rule, linecolor: rule, automargin: true };
    Plotly.react("curve-chart", traces, {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: ink, size: 13 },
      margin: { l: 60, r: 16, t: 16, b: 64 }, hovermode: "x unified", showlegend: false,
      hoverlabel: { bgcolor: style.getPropertyValue("--card").trim(), font: { color: ink } },
      xaxis: {
        ...axis, title: { text: x === "kimg" ? "training (kimg)" : "training time (s, evaluation excluded)", standoff: 8 },
      },
      yaxis: {
        ...axis, title: { text: safe(chart.metric) }, type: scale,
        ...(heights.length ? { range: [lowest - room, highest + room] } : {}),
      },
    }, { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d"] });
    byId("curve-caption").textContent = `${chart.metric} for ${chart.target}: mean and 95 % interval over seeds. ` +
      (chart.floor === null ? "" : "Dotted: real against real (floor). ") +
      (chart.ceiling === null ? "" : "Dashed: unadapted source (ceiling). ") + `${chart.setting}.` +
      (x === "kimg" ? "" : ` ${chart.clock}`) +
      (data.leftOut.length ? ` Curves of ${data.leftOut.join(", ")} would make this page too large.` : "");
    byId("curve-chart").setAttribute("aria-label", `${chart.metric} for ${chart.target}: ` + chart.series
      .map((series) => `${series.label} ends at ${series.mean[series.mean.length - 1]}`).join("; "));
  }
  if (data.charts.length) {
    choices.forEach(fill);
    byId("setting-choice").hidden = byId("choose-setting").length < 2;
    choices.forEach((name, place) => byId(`choose-${name}`).addEventListener("change", () => {
      choices.slice(place + 1).forEach(fill);
      drawCurves();
    }));
    for (const id of ["choose-x", "choose-scale"]) byId(id).addEventListener("change", drawCurves);
  } else if (byId("curves")) {
    byId("curves").hidden = true;
  }

  function refresh() {
    for (const input of document.querySelectorAll("input[data-table]")) filter(input);
    drawCurves();
  }

  setTheme(matchMedia("(prefers-color-scheme: dark)").matches);
  refresh();
  window.addEventListener("beforeprint", () => { for (const each of document.querySelectorAll("details")) each.open = each.id !== "table-cells"; });
})();

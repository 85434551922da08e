"use strict";
// Without this script the page shows all but the rest of the samples. It sorts and filters tables,
// and tells which samples a bar of the histogram holds. Every text is set as text, never as HTML.

const CHUNK = 100; // rows drawn at once
const LISTED = 60; // samples named under the histogram

const minus = (text) => text.replace("-", "−");
const counted = (n, what) => `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;

function element(tag, text, properties = {}) {
  return Object.assign(document.createElement(tag), { textContent: text }, properties);
}

// ---------------------------------------------------------------- sorting

const collator = new Intl.Collator("en", { numeric: true });

// null is last, whichever way.
function compare(a, b, down) {
  if (a === null || b === null) return (a === null) - (b === null);
  const order = typeof a === "number" ? a - b : collator.compare(a, b);
  return down ? -order : order;
}

// Heads of a table become buttons; sort(column, down) does the work. Numbers begin with the largest.
function sortable(table, isNumber, sort) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = element("button", head.textContent || "name", { type: "button" });
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      const down = before === null ? isNumber(column) : before === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      sort(column, down);
    });
  });
}

// The number that a cell begins with; null where there is none.
function leading(text) {
  const number = parseFloat(text.trim().replace("−", "-").replaceAll(",", ""));
  return Number.isNaN(number) ? null : number;
}

function sortableRows(table) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const texts = (column) => rows.map((row) => row.cells[column].textContent.trim());
  const isNumber = (column) =>
    column > 0 && texts(column).every((text) => text === "–" || leading(text) !== null);
  sortable(table, isNumber, (column, down) => {
    const words = texts(column);
    const keys = isNumber(column) ? words.map(leading) : words;
    const order = rows.map((_, i) => i).sort((i, j) => compare(keys[i], keys[j], down));
    body.append(...order.map((i) => rows[i]));
  });
}

// ---------------------------------------------------------------- all samples

class Samples {
  constructor(section) {
    this.section = section;
    this.data = JSON.parse(section.querySelector("script.data").textContent);
    this.key = section.id.replace(/-samples$/, "");
    this.body = section.querySelector("tbody");
    this.more = section.querySelector(".more");
    this.order = this.data.row.map((_, i) => i);
    this.texts = null;
    this.bin = null;
    this.listen();
    this.draw();
  }

  column(name) {
    return this.data.columns.find((column) => column.name === name);
  }

  value(column, i) {
    const value = column.values[i];
    return column.names ? column.names[value] : value;
  }

  shown(column, i) {
    const value = this.value(column, i);
    if (value === null) return "–";
    if (column.kind === "text") return value;
    const text = value.toFixed(3);
    return minus(column.kind === "gap" && value >= 0 ? `+${text}` : text);
  }

  listen() {
    const find = (selector) => this.section.querySelector(selector);
    this.controls = { search: find("input"), label: find("select.label"), which: find("select.which") };
    this.clear = find("button.clear");
    find(".controls").hidden = false;
    if (this.controls.label) {
      const label = this.column("label");
      const names = label.names || [...new Set(label.values)].sort(collator.compare);
      this.controls.label.append(...names.map((name) => new Option(name, name)));
    }
    let waiting;
    this.controls.search.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => this.filter(), 80);
    });
    for (const name of ["label", "which"]) this.controls[name]?.addEventListener("change", () => this.filter());
    this.clear.addEventListener("click", () => this.choose(null));
    const columns = this.data.columns;
    sortable(this.section.querySelector("table"), (c) => columns[c].kind !== "text", (c, down) => {
      const keys = this.data.row.map((_, i) => this.value(columns[c], i));
      this.order.sort((i, j) => compare(keys[i], keys[j], down));
      this.draw();
    });
    const next = () => this.next();
    this.more.querySelector("button").addEventListener("click", next);
    const root = this.section.querySelector(".scroll.tall");
    new IntersectionObserver((seen) => seen.some((entry) => entry.isIntersecting) && next(), {
      root,
      rootMargin: "200px",
    }).observe(this.more);
  }

  // Only the samples of one bin of the histogram; null: of all. span: the bin in words.
  choose(bin, span = "") {
    this.bin = bin;
    this.clear.hidden = bin === null;
    this.clear.textContent = `gap ${span} ✕`;
    this.clear.setAttribute("aria-label", `Show other gaps than ${span}, too`);
    this.draw();
  }

  filter() {
    const columns = this.data.columns.filter((column) => column.kind === "text");
    this.texts ??= this.data.row.map((_, i) =>
      columns.map((column) => this.value(column, i)).join("\n").toLowerCase());
    this.draw();
  }

  matches() {
    const { search, label, which } = this.controls;
    const words = search.value.trim().toLowerCase();
    const [gap, posterior, labels] = ["gap", "posterior", "label"].map((name) => this.column(name));
    const is = {
      audio: (i) => gap.values[i] > 0,
      visual: (i) => gap.values[i] < 0,
      imbalanced: (i) => posterior.values[i] > 0.5,
      balanced: (i) => posterior.values[i] <= 0.5,
    }[which.value];
    return this.order.filter((i) =>
      (this.bin === null || this.data.bin[i] === this.bin) &&
      (!words || this.texts[i].includes(words)) &&
      (!label || !label.value || this.value(labels, i) === label.value) &&
      (!is || is(i)));
  }

  draw() {
    this.found = this.matches();
    this.drawn = 0;
    this.body.replaceChildren();
    const all = this.data.row.length;
    const of = this.found.length === all ? "" : ` of ${all.toLocaleString("en")}`;
    this.section.querySelector(".count").textContent = `${this.found.length.toLocaleString("en")}${of} samples.`;
    this.next();
  }

  next() {
    const rows = this.found.slice(this.drawn, this.drawn + CHUNK).map((i) => this.row(i));
    this.body.append(...rows);
    this.drawn += rows.length;
    this.more.hidden = this.drawn >= this.found.length;
  }

  row(i) {
    const row = document.createElement("tr");
    row.append(...this.data.columns.map((column, c) => {
      const cell = element("td", "", { className: column.kind });
      cell.append(c === 0 ? this.named(i) : this.shown(column, i));
      return cell;
    }));
    return row;
  }

  // A sample's id, as a link where the gallery shows it.
  named(i) {
    const id = this.shown(this.data.columns[0], i);
    const card = `${this.key}-sample-${this.data.row[i]}`;
    return document.getElementById(card) ? element("a", id, { href: `#${card}` }) : document.createTextNode(id);
  }
}

// ---------------------------------------------------------------- the histogram

function pointable(section, samples) {
  const bins = [...section.querySelectorAll(".bin")];
  const panel = section.querySelector(".pointed");
  if (!bins.length || !panel) return;
  let pinned = null;
  let shown = null;
  const show = (bin) => {
    if (!bin || bin === shown) return;
    shown = bin;
    bins.forEach((other) => other.classList.toggle("chosen", other === bin));
    const of = samples.data.row.map((_, i) => i).filter((i) => samples.data.bin[i] === Number(bin.dataset.bin));
    const more = of.length - LISTED;
    panel.querySelector(".what").textContent = `gap ${bin.dataset.span}: ${counted(of.length, "sample")}`;
    panel.querySelector("ul").replaceChildren(
      ...of.slice(0, LISTED).map((i) => {
        const item = document.createElement("li");
        item.append(samples.named(i));
        return item;
      }),
      ...(more > 0 ? [element("li", `and ${more.toLocaleString("en")} more`)] : []));
    panel.hidden = false;
  };
  const pin = (bin) => {
    pinned = bin;
    show(bin);
  };
  bins[0].setAttribute("tabindex", "0");
  bins.forEach((bin, place) => {
    bin.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && show(bin));
    bin.addEventListener("pointerleave", () => show(pinned));
    bin.addEventListener("click", () => pin(bin));
    bin.addEventListener("focus", () => pin(bin));
    bin.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1, Home: -place, End: bins.length - 1 - place }[event.key];
      const next = step === undefined ? undefined : bins[place + step];
      if (!next) return;
      event.preventDefault();
      bin.setAttribute("tabindex", "-1");
      next.setAttribute("tabindex", "0");
      next.focus();
    });
  });
  panel.querySelector("button").addEventListener("click", () => {
    samples.choose(Number(shown.dataset.bin), shown.dataset.span);
    samples.section.scrollIntoView({ behavior: "smooth" });
  });
}

document.querySelectorAll("table.sortable").forEach(sortableRows);
for (const section of document.querySelectorAll("section.samples")) {
  const samples = new Samples(section);
  pointable(section.closest("article").querySelector("section.histogram"), samples);
}

// ELBOExplorer: drag q(z | x) over the true posterior, and see reconstruction, KL, bound and gap in nats. All of it is
// computed here, from log p(x | z) on a grid; Python only hears of the choices.

const FULL = 0.94; // of a panel's height: handles do not go higher

// Two class names where it departs from the shared style, which every further widget on the page brings again.
const STYLE = `
.course-widget.elbo-explorer { max-width: 1180px; }
.course-widget.elbo-explorer .row { margin: 4px 0; gap: 5px 12px; }
.elbo-explorer .elbo-z { flex: 3 1 420px; height: 272px; }
.elbo-explorer .elbo-x { flex: 2 1 260px; height: 272px; cursor: pointer; }
.elbo-explorer select { max-width: 16em; }
.elbo-explorer .legend svg { width: 34px; height: 12px; vertical-align: middle; margin-right: 6px; }
.elbo-explorer .elbo-mark { paint-order: stroke; stroke: var(--jp-layout-color1, #fff); stroke-width: 4px; }
`;

/** The float64 numbers that Python sent as bytes. */
function doubles(bytes) {
  return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

class Explorer {
  constructor(model, el) {
    this.model = model;
    this.calm = window.matchMedia("(prefers-reduced-motion: reduce)");
    this.readTraits();
    this.build(el);
    this.listeners = {
      "change:model": () => this.load(),
      "change:index": () => this.load(),
      "change:mean": () => this.moved(),
      "change:logvar": () => this.moved(),
    };
    for (const [event, listener] of Object.entries(this.listeners)) model.on(event, listener);
    const parts = [this.density, this.space, this.bars];
    this.resized = new ResizeObserver(() => {
      for (const part of parts) part.layout();
      this.redraw();
    });
    for (const { node } of parts) this.resized.observe(node);
    this.load();
  }

  close() {
    this.stop();
    cancelAnimationFrame(this.frame);
    this.resized.disconnect();
    for (const [event, listener] of Object.entries(this.listeners)) this.model.off(event, listener);
  }

  readTraits() {
    const { model } = this;
    this.x = model.get("_x");
    this.d = this.x[0].length;
    this.names = model.get("models");
    this.tables = doubles(model.get("_log_likelihood"));
    this.curves = floats(model.get("_curves"));
    this.meanLimits = model.get("mean_limits");
    this.logvarLimits = model.get("logvar_limits");
  }

  // ---- the page

  build(el) {
    const root = (this.root = widgetRoot(el, "elbo-explorer", "the bound and its gap, for a q that you drag", BARS_STYLE + STYLE));
    const top = element(root, "div", { class: "row" });
    this.modelSelect = addSelect(top, "Decoder", "decoder", this.names, (name) => this.choose({ model: name }));
    const rows = this.x.map((row, i) => `${i}: ${row.map((value) => minus(value.toFixed(2))).join(", ")}`);
    this.xSelect = addSelect(top, "x", "number and value of x", rows, () => this.choose({ index: this.xSelect.selectedIndex }));
    this.playButton = addButton(top, "Optimise q", "climb to the highest bound, or pause", () => (this.playing ? this.stop() : this.play()));
    const source = this.encoded() ? "the q that the encoder gives for this x" : "q is the prior";
    addButton(top, "Reset", source, () => (this.stop(), this.put(...(this.encoded() ?? [0, 0]))));
    this.readout = element(top, "span", { class: "readout" });

    const colors = this.model.get("colors");
    const [bound, q, reconstruction, kl] = colors, gap = colors[5];
    this.buildLegend(element(root, "div", { class: "row legend" }), q);
    const panels = element(root, "div", { class: "panels" });
    this.density = new Panel(panels, "elbo-z");
    const plot = (this.plot = element(this.density.node, "svg", { role: "group", "aria-label": "densities over z" }));
    this.priorLine = element(plot, "path", { fill: "none", stroke: "currentColor", "stroke-width": 1.5, "stroke-dasharray": "2 4" });
    this.posterior = element(plot, "path", { class: "elbo-posterior", stroke: "currentColor", "stroke-width": 2, fill: "none" });
    this.area = element(plot, "path", { fill: "currentColor", "fill-opacity": 0.14 });
    this.bell = element(plot, "path", { class: "elbo-q", fill: "none", stroke: q, "stroke-width": 3 });
    this.buildHandles(q);

    this.space = new Panel(panels, "elbo-x");
    const map = (this.map = element(this.space.node, "svg", { role: "img" }));
    this.level = element(map, "path", { class: "axis", "stroke-dasharray": "5 4" });
    this.window = element(map, "svg"); // cuts the curve off at the panel's edges
    this.curve = element(this.window, "path", { fill: "none", stroke: "currentColor", "stroke-width": 2 });
    this.covered = element(this.window, "path", { class: "elbo-covered", fill: "none", stroke: q, "stroke-width": 6, "stroke-opacity": 0.6, "stroke-linecap": "round" });
    this.centre = element(this.window, "circle", { r: 5, fill: q });
    this.marks = this.d === 2 ? [-2, 0, 2].map((z) => [z, element(this.window, "text", { class: "elbo-mark" }, minus(`z = ${z}`))]) : [];
    this.dots = this.x.map(() => element(map, "circle", { class: "elbo-dot", fill: "currentColor" }));
    this.ring = element(map, "circle", { class: "elbo-chosen", r: 9, fill: "none", stroke: bound, "stroke-width": 3 });
    this.space.node.addEventListener("click", (event) => this.chooseNearest(...this.space.place(event)));

    this.bars = new NatsBars(root, { reconstruction, kl, bound, gap });
    this.message = element(root, "div", { class: "message", role: "status" });
  }

  buildLegend(row, q) {
    const lines = [
      ["p(z | x), the true posterior", { stroke: "currentColor", "stroke-width": 2, fill: "currentColor", "fill-opacity": 0.14, d: "M0 11Q17 -9 34 11" }],
      ["q(z | x) = N(mean, σ²), yours", { stroke: q, "stroke-width": 3, d: "M0 6H34" }],
      ["the prior", { stroke: "currentColor", "stroke-width": 1.5, "stroke-dasharray": "2 4", d: "M0 6H34" }],
    ];
    for (const [text, line] of lines) {
      const entry = element(row, "span");
      element(element(entry, "svg", { "aria-hidden": "true" }), "path", line);
      entry.append(text);
    }
    element(row, "span", {}, "Drag the circle and the squares, or use the arrow keys (Shift: bigger steps).");
  }

  /** A circle at the mean, and squares one standard deviation to its left and right; the right one takes the keys. */
  buildHandles(color) {
    const handle = (tag, name, more, drag) => {
      const node = element(this.plot, tag, { class: `handle ${name}`, fill: color, stroke: "white", "stroke-width": 2, ...more });
      const focus = () => (node.tabIndex < 0 ? this.widthHandle : node).focus();
      carry(node, { at: (event) => this.pointed(event), from: () => Number(node.dataset.z), to: drag, focus });
      node.addEventListener("pointerdown", () => this.stop());
      return node;
    };
    const slider = (label) => ({ tabindex: 0, role: "slider", "aria-label": label });
    const widen = (z) => this.put(this.q[0], 2 * Math.log(Math.max(Math.abs(z - this.q[0]), 1e-6)));
    this.leftHandle = handle("path", "elbo-left", { "aria-hidden": "true" }, widen);
    this.widthHandle = handle("path", "elbo-width", slider("standard deviation of q"), widen);
    this.meanHandle = handle("circle", "elbo-mean", { r: 10, ...slider("mean of q") }, (z) => this.put(z, this.q[1]));
    listenToArrows(this.meanHandle, (by) => (this.stop(), this.put(this.q[0] + 0.02 * by, this.q[1])));
    listenToArrows(this.widthHandle, (by) => (this.stop(), this.put(this.q[0], this.q[1] + 0.04 * by)));
  }

  /** The z that a pointer is at. */
  pointed(event) {
    return this.density.toData(...this.density.place(event))[0];
  }

  // ---- the state: model, index, mean and logvar, all of them traits

  get q() {
    return [this.model.get("mean"), this.model.get("logvar")];
  }

  get number() {
    return Math.max(0, this.names.indexOf(this.model.get("model")));
  }

  /** The encoder's mean and logvar for the present x; undefined where there is no encoder. */
  encoded() {
    return this.model.get("_encoded")[this.number][this.model.get("index")];
  }

  choose(changes) {
    this.stop();
    this.model.set(changes);
    this.model.save_changes();
  }

  chooseNearest(px, py) {
    const distance = ([x, y]) => Math.hypot(this.d === 2 ? x - px : 0, y - py);
    const all = this.x.map((_, i) => distance(this.dotAt(i)));
    this.choose({ index: all.indexOf(Math.min(...all)) });
  }

  put(mean, logvar) {
    this.own = true; // what changes now comes from this view
    this.model.set({ mean: within(mean, this.meanLimits), logvar: within(logvar, this.logvarLimits) });
    this.own = false;
    this.model.save_changes();
  }

  /** q has changed: here, in another view, or in Python. */
  moved() {
    if (!this.own) this.stop();
    this.notice = "";
    this.redraw();
  }

  /** Another x or decoder. */
  load() {
    this.stop();
    const { number } = this, index = this.model.get("index"), size = this.tables.length / this.names.length / this.x.length;
    const start = (number * this.x.length + index) * size;
    this.bound = new GaussianBound(this.tables.slice(start, start + size), this.model.get("reach"));
    const length = this.curves.length / this.names.length / this.d;
    this.path = Array.from({ length }, (_, i) => Array.from(this.curves.slice((number * length + i) * this.d).subarray(0, this.d)));
    const peak = Math.exp(this.bound.logPosterior.reduce((highest, value) => Math.max(highest, value), -Infinity));
    this.density.setScale(this.meanLimits, [0, 1.3 * Math.max(peak, 0.4)], ["z", "density"]);
    const likely = this.path.slice(length / 8, -length / 8); // all but the ends, where z is rarely
    const along = (k) => limits([...likely, ...this.x].map((point) => point[k]));
    if (this.d === 2) this.space.setScale(along(0), along(1), ["x₁", "x₂"]);
    else this.space.setScale(this.meanLimits, along(0), ["z", "E[x | z], and the values of x"]);
    this.modelSelect.value = this.names[number];
    this.xSelect.selectedIndex = index;
    this.notice = "";
    this.redraw();
  }

  // ---- climbing

  play() {
    this.playButton.textContent = "Pause";
    this.notice = "";
    const step = () => this.bound.step(...this.q, this.meanLimits, this.logvarLimits);
    const on = () => {
      let next = step();
      if (next) this.put(...next);
      while (this.calm.matches && (next = step())) this.put(...next);
      if (next) return void (this.playing = requestAnimationFrame(on));
      this.stop();
      this.notice = `q stands still: no small step raises the bound. The gap that is left: ${inNats(this.bound.terms(...this.q).gap)} nats.`;
      this.redraw();
    };
    this.playing = requestAnimationFrame(on);
  }

  stop() {
    cancelAnimationFrame(this.playing);
    this.playing = 0;
    this.playButton.textContent = "Optimise q";
  }

  // ---- drawing

  redraw() {
    this.frame ||= requestAnimationFrame(() => this.draw());
    this.root.dataset.waiting = "true"; // for tests: a frame is still to come
  }

  draw() {
    this.frame = 0;
    this.terms = this.root.terms = this.bound.terms(...this.q); // on the root for tests: the numbers behind the bars
    this.drawDensities();
    this.drawHandles();
    this.drawSpace();
    this.bars.draw(this.terms);
    const text = this.notice ?? "";
    if (this.message.textContent !== text) this.message.textContent = text; // said once by screen readers
    this.root.dataset.drawn = Number(this.root.dataset.drawn ?? 0) + 1; // for tests: how many frames
    delete this.root.dataset.waiting;
  }

  drawDensities() {
    const { density, bound } = this, [mean, logvar] = this.q, sigma = Math.exp(logvar / 2), [low, high] = density.x;
    const line = (places, log) => places.map((z) => density.toPixel(z, Math.exp(log(z))));
    const even = (from, to, n) => Array.from({ length: n + 1 }, (_, i) => from + ((to - from) * i) / n);
    const places = even(Math.max(low, mean - 6 * sigma), Math.min(high, mean + 6 * sigma), 160);
    set(this.bell, { d: asPath(line(places, (z) => logNormal(z, mean, logvar))) });
    set(this.priorLine, { d: asPath(line(even(low, high, 160), (z) => logNormal(z, 0, 0))) });
    const shown = [];
    bound.z.forEach((z, i) => z >= low && z <= high && shown.push(density.toPixel(z, Math.exp(bound.logPosterior[i]))));
    set(this.posterior, { d: asPath(shown) });
    set(this.area, { d: `${asPath([density.toPixel(low, 0), ...shown, density.toPixel(high, 0)])}Z` });
  }

  drawHandles() {
    const { density } = this, [mean, logvar] = this.q, sigma = Math.exp(logvar / 2), top = FULL * density.y[1];
    const peak = Math.exp(logNormal(mean, mean, logvar));
    const [x, y] = density.toPixel(mean, Math.min(peak, top));
    set(this.meanHandle, { cx: x, cy: y, "data-z": mean });
    for (const [node, side] of [[this.leftHandle, -1], [this.widthHandle, 1]]) {
      const [px, py] = density.toPixel(mean + side * sigma, Math.min(peak, top) * Math.exp(-0.5));
      set(node, { d: `M${px - 8} ${py - 8}h16v16h-16z`, "data-z": mean + side * sigma });
    }
    const value = (node, now, [least, most]) =>
      set(node, { "aria-valuenow": now.toFixed(3), "aria-valuemin": least.toFixed(3), "aria-valuemax": most.toFixed(3) });
    value(this.meanHandle, mean, this.meanLimits);
    value(this.widthHandle, sigma, this.logvarLimits.map((limit) => Math.exp(limit / 2)));
    this.readout.textContent = minus(`q: mean ${mean.toFixed(3)}, σ ${sigma.toFixed(3)}, log σ² ${logvar.toFixed(3)}`);
  }

  /** Where in its panel the dot of an x is: in the plane, or on the left axis. */
  dotAt(i) {
    return this.d === 2 ? this.space.toPixel(...this.x[i]) : this.space.toPixel(this.meanLimits[0], this.x[i][0]);
  }

  /** E[x | z] in its panel, between the points that Python has decoded. */
  decodedAt(z) {
    const [low, high] = this.meanLimits, place = ((z - low) / (high - low)) * (this.path.length - 1);
    const before = Math.min(Math.floor(place), this.path.length - 2), part = place - before;
    const point = this.path[before].map((value, k) => value * (1 - part) + this.path[before + 1][k] * part);
    return this.d === 2 ? this.space.toPixel(...point) : this.space.toPixel(z, point[0]);
  }

  drawSpace() {
    const { space, meanLimits } = this, [mean, logvar] = this.q, sigma = Math.exp(logvar / 2), index = this.model.get("index");
    const [low, high] = meanLimits, along = (from, to, n) => Array.from({ length: n + 1 }, (_, i) => this.decodedAt(from + ((to - from) * i) / n));
    const { left, top } = MARGIN, [width, height] = space.inner;
    set(this.window, { x: left, y: top, width, height, viewBox: `${left} ${top} ${width} ${height}` });
    set(this.curve, { d: asPath(along(low, high, this.path.length - 1)) });
    set(this.covered, { d: asPath(along(within(mean - 2 * sigma, meanLimits), within(mean + 2 * sigma, meanLimits), 40)) });
    const [cx, cy] = this.decodedAt(mean);
    set(this.centre, { cx, cy });
    for (const [z, mark] of this.marks) {
      const [x, y] = this.decodedAt(z);
      const right = x > space.width / 2;
      set(mark, { x: right ? x - 6 : x + 6, y: y - 6, "text-anchor": right ? "end" : "start" });
    }
    this.dots.forEach((dot, i) => {
      const [x, y] = this.dotAt(i);
      set(dot, { cx: x, cy: y, r: i === index ? 5 : 3.5, "fill-opacity": i === index ? 1 : 0.55 });
    });
    const [x, y] = this.dotAt(index);
    set(this.ring, { cx: x, cy: y });
    set(this.level, { d: this.d === 2 ? "" : `M${x} ${y}H${space.width - MARGIN.right}` });
    const value = this.x[index].map((number) => number.toFixed(2)).join(", ");
    set(this.map, { "aria-label": `curve of the decoder over z from ${low} to ${high}, and ${this.x.length} x; chosen: ${value}. The menu x chooses too.` });
  }
}

function render({ model, el }) {
  const explorer = new Explorer(model, el);
  return () => explorer.close();
}

export default { render };

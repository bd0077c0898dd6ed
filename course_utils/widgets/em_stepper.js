// EMStepper: draws the points, the ellipses and the bound of one iteration. Every frame is computed here;
// Python is asked only for a new climb: other data, another K, or a mean that was dragged.

const SVG = "http://www.w3.org/2000/svg";
const MARGIN = { left: 52, right: 12, top: 14, bottom: 42 };
const GLIDE = 250; // milliseconds from one iteration to the next
const PLAY = 500; // milliseconds between the steps while it plays
const PATIENCE = 3000; // milliseconds until a silent kernel is reported
const NO_ANSWER =
  "Python does not answer: its kernel is busy, was restarted, or there is none on this page. " +
  "Stepping and playing still work; run the cell again to drag, or to choose data and K.";

const STYLE = `
.em-stepper { font: 14px/1.4 var(--jp-ui-font-family, sans-serif); color: var(--jp-ui-font-color1, #222);
  max-width: 960px; padding: 2px; }
.em-stepper .em-row { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; margin: 6px 0; }
.em-stepper button, .em-stepper select { font: inherit; color: inherit; background: var(--jp-layout-color2, #eee);
  border: 1px solid var(--jp-border-color0, #999); border-radius: 4px; padding: 3px 12px; min-height: 32px; }
.em-stepper button { min-width: 64px; cursor: pointer; }
.em-stepper :focus-visible { outline: 3px solid #E69F00; outline-offset: 2px; }
.em-stepper input[type=range] { flex: 1 1 160px; min-height: 32px; }
.em-stepper .em-readout { min-width: 17em; font-variant-numeric: tabular-nums; }
.em-stepper .em-panels { display: flex; flex-wrap: wrap; gap: 12px; }
.em-stepper .em-panel { position: relative; min-height: 240px; user-select: none; background: var(--jp-layout-color1, #fff); }
.em-stepper .em-plane { flex: 3 1 340px; aspect-ratio: 4 / 3; }
.em-stepper .em-curve { flex: 2 1 240px; }
.em-stepper canvas, .em-stepper svg { position: absolute; left: 0; top: 0; width: 100%; height: 100%; }
.em-stepper text { fill: currentColor; font-size: 12px; }
.em-stepper .em-axis { stroke: currentColor; stroke-opacity: 0.35; fill: none; }
.em-stepper .em-mean { cursor: grab; touch-action: none; }
.em-stepper .em-mean:focus { outline: none; }
.em-stepper .em-mean:focus-visible { stroke: currentColor; stroke-width: 5; }
.em-stepper .em-mean:active { cursor: grabbing; }
.em-stepper .em-number { pointer-events: none; font-weight: 600; text-anchor: middle; dominant-baseline: central; }
.em-stepper .em-message { min-height: 1.4em; }
`;

function element(parent, tag, attributes = {}, text = "") {
  const drawn = ["svg", "g", "path", "ellipse", "circle", "text", "title"].includes(tag);
  const node = drawn ? document.createElementNS(SVG, tag) : document.createElement(tag);
  set(node, attributes);
  if (text) node.textContent = text;
  parent.appendChild(node);
  return node;
}

function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
}

/** The float32 numbers that Python sent as bytes. */
function floats(bytes) {
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

const rgb = (color) => [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));
const isLight = ([r, g, b]) => 0.3 * r + 0.6 * g + 0.1 * b > 128;

/** About `count` round numbers between two limits. */
function ticks(low, high, count = 5) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const found = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) found.push(i * step);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return found.map((value) => [value, value.toFixed(digits)]);
}

/** A panel with axes: from data to pixels and back, at whatever size it has now. */
class Panel {
  constructor(parent, name) {
    this.node = element(parent, "div", { class: `em-panel ${name}` });
    this.axes = element(this.node, "svg", { "aria-hidden": "true" });
    this.setScale([0, 1], [0, 1], ["", ""]);
  }

  setScale(x, y, labels) {
    Object.assign(this, { x, y, labels });
    this.layout();
  }

  /** Draw the axes anew, for the present size. */
  layout() {
    this.width = Math.max(this.node.clientWidth, 160);
    this.height = Math.max(this.node.clientHeight, 120);
    const { left, right, top, bottom } = MARGIN;
    this.inner = [this.width - left - right, this.height - top - bottom];
    this.axes.replaceChildren();
    const floor = this.height - bottom;
    element(this.axes, "path", { class: "em-axis", d: `M${left} ${top}V${floor}H${this.width - right}` });
    for (const [value, label] of ticks(...this.x)) {
      const [x] = this.toPixel(value, this.y[0]);
      element(this.axes, "text", { x, y: floor + 16, "text-anchor": "middle" }, label);
    }
    for (const [value, label] of ticks(...this.y)) {
      const [, y] = this.toPixel(this.x[0], value);
      element(this.axes, "text", { x: left - 6, y: y + 4, "text-anchor": "end" }, label);
    }
    const middle = left + this.inner[0] / 2;
    element(this.axes, "text", { x: middle, y: this.height - 6, "text-anchor": "middle" }, this.labels[0]);
    const turned = `translate(12 ${top + this.inner[1] / 2}) rotate(-90)`;
    element(this.axes, "text", { transform: turned, "text-anchor": "middle" }, this.labels[1]);
  }

  /** Pixels per unit of each axis. */
  get unit() {
    return [this.inner[0] / (this.x[1] - this.x[0]), this.inner[1] / (this.y[1] - this.y[0])];
  }

  toPixel(x, y) {
    const [ux, uy] = this.unit;
    return [MARGIN.left + (x - this.x[0]) * ux, this.height - MARGIN.bottom - (y - this.y[0]) * uy];
  }

  toData(x, y) {
    const [ux, uy] = this.unit;
    return [this.x[0] + (x - MARGIN.left) / ux, this.y[0] + (this.height - MARGIN.bottom - y) / uy];
  }
}

/** The limits of some numbers, with a margin. */
function limits(values, margin = 0.08) {
  const low = Math.min(...values), high = Math.max(...values);
  const pad = margin * (high - low) || 0.5;
  return [low - pad, high + pad];
}

const within = (value, [low, high]) => Math.max(low, Math.min(high, value));

class Stepper {
  constructor(model, el) {
    this.model = model;
    this.drag = null; // the mean that the hand holds: { component, x, y }
    this.silent = false; // whether a question has waited too long for its answer
    this.asked = 0; // number of the last question to Python that is not answered yet, or 0
    this.shown = 0; // the iteration that is drawn; it glides from one to the next
    this.calm = window.matchMedia("(prefers-reduced-motion: reduce)");
    this.build(el);
    this.listeners = {
      "change:_path": () => this.load(),
      "change:iteration": () => this.redraw(),
      "change:answered": () => this.hear(),
    };
    for (const [event, listener] of Object.entries(this.listeners)) model.on(event, listener);
    this.resized = new ResizeObserver(() => {
      this.plane.layout();
      this.curve.layout();
      this.redraw();
    });
    this.resized.observe(this.plane.node);
    this.load();
  }

  close() {
    this.stop();
    clearTimeout(this.patience);
    cancelAnimationFrame(this.frame);
    this.resized.disconnect();
    for (const [event, listener] of Object.entries(this.listeners)) this.model.off(event, listener);
  }

  build(el) {
    const root = (this.root = element(el, "div", { class: "em-stepper", role: "group", "aria-label": "EM, step by step" }));
    // Keys pressed in here are ours; JupyterLab would take the arrows to move between its cells.
    root.addEventListener("keydown", (event) => event.shiftKey || event.ctrlKey || event.metaKey || event.stopPropagation());
    element(root, "style", {}, STYLE);

    const choices = element(root, "div", { class: "em-row" });
    const choose = (text, label, values, trait) => {
      const holder = element(choices, "label", {}, `${text} `);
      const select = element(holder, "select", { "aria-label": label });
      for (const value of values) element(select, "option", { value }, String(value));
      select.addEventListener("change", () => {
        const value = select.value;
        this.ask({ [trait]: trait === "n_components" ? Number(value) : value });
      });
      return select;
    };
    const counts = Array.from({ length: this.model.get("max_components") }, (_, i) => i + 1);
    this.dataSelect = choose("Data", "data set", this.model.get("data_sets"), "data_set");
    this.kSelect = choose("K", "number of components", counts, "n_components");
    element(choices, "span", {}, "Drag a numbered mean, or move it with the arrow keys.");

    const panels = element(root, "div", { class: "em-panels" });
    this.plane = new Panel(panels, "em-plane");
    this.canvas = element(this.plane.node, "canvas", { role: "img" });
    this.overlay = element(this.plane.node, "svg");
    this.curve = new Panel(panels, "em-curve");
    this.climb = element(this.curve.node, "svg", { role: "img" });
    const color = this.model.get("colors");
    this.line = element(this.climb, "path", { fill: "none", stroke: color[0], "stroke-width": 2 });
    this.present = element(this.climb, "circle", { r: 7, fill: color[1], class: "em-present" });

    const controls = element(root, "div", { class: "em-row" });
    const button = (text, label, action) => {
      const node = element(controls, "button", { type: "button", "aria-label": label, title: label }, text);
      node.addEventListener("click", action);
      return node;
    };
    const step = (by) => () => (this.stop(), this.go(this.model.get("iteration") + by));
    button("Reset", "back to iteration 0", () => (this.stop(), this.go(0)));
    button("Back", "one iteration back", step(-1));
    this.playButton = button("Play", "play or pause", () => (this.playing ? this.stop() : this.play()));
    button("Step", "one iteration on", step(1));
    this.slider = element(controls, "input", { type: "range", min: 0, step: 1, "aria-label": "iteration" });
    this.slider.addEventListener("input", () => (this.stop(), this.go(Number(this.slider.value))));
    this.readout = element(controls, "span", { class: "em-readout" });
    this.message = element(root, "div", { class: "em-message", role: "status" });
  }

  /** One component: two ellipses, its mean to take hold of, and its number. */
  addComponent(j) {
    const group = element(this.overlay, "g", { class: "em-component" });
    const dashes = j < this.model.get("colors").length ? "none" : "7 4"; // the colours come round again
    for (const width of [2.5, 1.2]) {
      element(group, "ellipse", { fill: "none", "stroke-width": width, "stroke-dasharray": dashes });
    }
    const mean = element(group, "circle", { r: 11, "stroke-width": 2, class: "em-mean", tabindex: 0, role: "button" });
    element(mean, "title");
    element(group, "text", { class: "em-number" }, String(j));
    const here = () => this.components()[j];
    mean.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      mean.focus();
      mean.setPointerCapture(event.pointerId);
      this.stop();
      this.drag = { component: j, x: here().x, y: here().y, held: true };
    });
    mean.addEventListener("pointermove", (event) => {
      if (!this.drag?.held) return;
      const box = this.plane.node.getBoundingClientRect();
      const [x, y] = this.plane.toData(event.clientX - box.left, event.clientY - box.top);
      this.moveTo(x, y);
    });
    mean.addEventListener("pointerup", () => this.drag?.held && this.drop({ goOn: true }));
    mean.addEventListener("pointercancel", () => this.release());
    mean.addEventListener("keydown", (event) => {
      const keys = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
      if (event.key === "Escape") this.release();
      if (!keys[event.key]) return;
      event.preventDefault();
      const [dx, dy] = keys[event.key], { x, y } = here(), { plane } = this;
      this.drag = { component: j };
      this.moveTo(x + 0.03 * dx * (plane.x[1] - plane.x[0]), y + 0.03 * dy * (plane.y[1] - plane.y[0]));
      this.drop({ goOn: false });
    });
  }

  // ---- what Python sends, and what it is asked

  /** Take over a new climb. */
  load() {
    const { model } = this;
    this.points = floats(model.get("_points"));
    this.path = floats(model.get("_path"));
    this.bounds = model.get("bounds");
    this.k = this.path.length / 6 / this.bounds.length;
    this.shown = model.get("iteration");
    this.drag = null;
    if (this.overlay.childElementCount !== this.k) {
      this.overlay.replaceChildren();
      for (let j = 0; j < this.k; j++) this.addComponent(j);
    }
    this.plane.setScale(
      limits(this.points.filter((_, i) => i % 2 === 0)),
      limits(this.points.filter((_, i) => i % 2 === 1)),
      model.get("axes"),
    );
    this.curve.setScale([0, this.bounds.length - 1], limits(this.bounds), ["iteration", "log-likelihood (nats per point)"]);
    this.slider.max = this.bounds.length - 1;
    this.showChoices();
    this.redraw();
  }

  showChoices() {
    this.dataSelect.value = this.model.get("data_set");
    this.kSelect.value = this.k;
  }

  /** Change traits, and expect an answer. */
  ask(changes, { goOn = false } = {}) {
    this.stop();
    this.goOn = goOn;
    this.asked = this.model.get("asked") + 1;
    this.model.set({ ...changes, asked: this.asked });
    this.model.save_changes();
    clearTimeout(this.patience);
    this.patience = setTimeout(() => {
      this.silent = true;
      this.release();
      this.showChoices();
    }, PATIENCE);
  }

  /** Python has answered: what was asked is in the new climb. */
  hear() {
    if (!this.asked || this.model.get("answered") < this.asked) return;
    this.asked = 0;
    this.silent = false;
    clearTimeout(this.patience);
    this.redraw();
    if (this.goOn) this.play();
  }

  /** Move the mean, within the panel. */
  moveTo(x, y) {
    this.drag.x = within(x, this.plane.x);
    this.drag.y = within(y, this.plane.y);
    this.redraw();
  }

  /** Let go of the mean: Python goes on from where it is. */
  drop({ goOn }) {
    const { component, x, y } = this.drag;
    this.drag.held = false;
    this.ask({ moved: { component, x, y, iteration: this.model.get("iteration") } }, { goOn });
  }

  /** Let go of the mean: it returns to where it was. */
  release() {
    this.drag = null;
    this.redraw();
  }

  // ---- moving through the iterations

  go(iteration) {
    this.drag = null;
    this.model.set("iteration", Math.max(0, Math.min(this.bounds.length - 1, iteration)));
    this.model.save_changes();
    this.redraw();
  }

  play() {
    if (this.model.get("iteration") >= this.bounds.length - 1) this.go(0);
    this.playButton.textContent = "Pause";
    this.playing = setInterval(() => {
      this.go(this.model.get("iteration") + 1);
      if (this.model.get("iteration") >= this.bounds.length - 1) this.stop();
    }, PLAY);
  }

  stop() {
    clearInterval(this.playing);
    this.playing = null;
    this.playButton.textContent = "Play";
  }

  // ---- drawing

  redraw() {
    this.frame ||= requestAnimationFrame((now) => this.draw(now));
  }

  draw(now) {
    this.frame = 0;
    const target = this.model.get("iteration"), gap = target - this.shown;
    const part = Math.min(now - (this.drawnAt ?? 0), 50) / GLIDE;
    this.drawnAt = now;
    this.shown = Math.abs(gap) > 1 || this.calm.matches ? target : this.shown + Math.sign(gap) * Math.min(Math.abs(gap), part);
    const background = getComputedStyle(this.plane.node).backgroundColor.match(/\d+/g).slice(0, 3).map(Number);
    this.colors = this.model.get("colors").map((color) => (color === "#000000" && !isLight(background) ? "#DDDDDD" : color));
    const components = this.components();
    this.drawPoints(components);
    this.drawComponents(components);
    this.drawClimb();
    this.drawTexts();
    this.root.dataset.drawn = Number(this.root.dataset.drawn ?? 0) + 1; // for tests: how many frames
    if (this.shown !== target) this.redraw();
  }

  /** Weight, mean and covariance [[a, b], [b, c]] of each component, at an iteration or between two. */
  components() {
    const before = Math.min(Math.floor(this.shown), this.bounds.length - 1), part = this.shown - before;
    const after = Math.min(before + 1, this.bounds.length - 1);
    return Array.from({ length: this.k }, (_, j) => {
      const at = (iteration, i) => this.path[(iteration * this.k + j) * 6 + i];
      const [weight, x, y, a, b, c] = [0, 1, 2, 3, 4, 5].map((i) => at(before, i) * (1 - part) + at(after, i) * part);
      const moved = this.drag?.component === j ? { x: this.drag.x, y: this.drag.y } : {};
      return { weight, x, y, a, b, c, ...moved };
    });
  }

  /** The points, each in a mixture of the components' colours, by its responsibilities. */
  drawPoints(components) {
    const { canvas, plane, points, k } = this, ratio = window.devicePixelRatio || 1;
    canvas.width = plane.width * ratio;
    canvas.height = plane.height * ratio;
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const terms = components.map(({ weight, x, y, a, b, c }) => {
      const det = Math.max(a * c - b * b, 1e-30);
      return { x, y, a: c / det, b: -b / det, c: a / det, log: Math.log(weight) - 0.5 * Math.log(det) };
    });
    const palette = components.map((_, j) => rgb(this.colors[j % this.colors.length]));
    const logs = new Float64Array(k);
    for (let i = 0; i < points.length; i += 2) {
      let top = -Infinity;
      terms.forEach((t, j) => {
        const u = points[i] - t.x, v = points[i + 1] - t.y;
        logs[j] = t.log - 0.5 * (t.a * u * u + 2 * t.b * u * v + t.c * v * v);
        top = Math.max(top, logs[j]);
      });
      let total = 0;
      const color = [0, 0, 0];
      for (let j = 0; j < k; j++) {
        const share = Math.exp(logs[j] - top);
        total += share;
        for (let q = 0; q < 3; q++) color[q] += share * palette[j][q];
      }
      context.fillStyle = `rgba(${color.map((value) => Math.round(value / total)).join()},0.8)`;
      context.beginPath();
      context.arc(...plane.toPixel(points[i], points[i + 1]), 3, 0, 2 * Math.PI);
      context.fill();
    }
  }

  /** Ellipses at one and two standard deviations, and the means. */
  drawComponents(components) {
    const [ux, uy] = this.plane.unit;
    components.forEach(({ weight, x, y, a, b, c }, j) => {
      const [inner, outer, mean, number] = this.overlay.children[j].children;
      const color = this.colors[j % this.colors.length];
      const [px, py] = this.plane.toPixel(within(x, this.plane.x), within(y, this.plane.y));
      // The covariance in pixels; y points down there, so that b changes its sign.
      const pa = a * ux * ux, pb = -b * ux * uy, pc = c * uy * uy;
      const middle = (pa + pc) / 2, radius = Math.hypot((pa - pc) / 2, pb);
      const angle = (Math.atan2(2 * pb, pa - pc) / 2) * (180 / Math.PI);
      [inner, outer].forEach((ellipse, i) => set(ellipse, {
        rx: (i + 1) * Math.sqrt(middle + radius),
        ry: (i + 1) * Math.sqrt(Math.max(middle - radius, 0)),
        transform: `translate(${px} ${py}) rotate(${angle})`,
        stroke: color,
      }));
      const label = `component ${j}: weight ${weight.toFixed(2)}, mean ${x.toPrecision(3)}, ${y.toPrecision(3)}`;
      set(mean, { cx: px, cy: py, fill: color, stroke: isLight(rgb(color)) ? "black" : "white", "aria-label": `${label}; arrow keys move it` });
      mean.firstChild.textContent = label;
      set(number, { x: px, y: py, style: `fill: ${isLight(rgb(color)) ? "black" : "white"}` });
    });
  }

  drawClimb() {
    const { bounds, curve, shown } = this;
    const at = (i) => curve.toPixel(i, bounds[i]);
    set(this.line, { d: bounds.map((_, i) => `${i ? "L" : "M"}${at(i).join(" ")}`).join("") });
    const before = at(Math.floor(shown)), after = at(Math.ceil(shown)), part = shown % 1;
    set(this.present, { cx: before[0] * (1 - part) + after[0] * part, cy: before[1] * (1 - part) + after[1] * part });
  }

  drawTexts() {
    const iteration = this.model.get("iteration"), bound = this.bounds[iteration].toFixed(3);
    const { points, k, drag } = this;
    set(this.canvas, { "aria-label": `${points.length / 2} points of ${this.model.get("data_set")}, coloured by ${k} components` });
    set(this.climb, { "aria-label": `log-likelihood ${bound} nats per point at iteration ${iteration} of ${this.bounds.length - 1}` });
    const place = `iteration ${iteration}: ${bound} nats per point`;
    this.slider.value = iteration;
    set(this.slider, { "aria-valuetext": place });
    this.readout.textContent = drag ? `component ${drag.component} moved` : place;
    const lost = this.components().findIndex(({ weight }) => weight < 1e-9);
    const warning = lost < 0 ? "" : `Component ${lost} has no points left. Go back, or drag it to where points are.`;
    const text = this.silent ? NO_ANSWER : warning;
    if (this.message.textContent !== text) this.message.textContent = text; // said once by screen readers
  }
}

function render({ model, el }) {
  const stepper = new Stepper(model, el);
  return () => stepper.close();
}

export default { render };

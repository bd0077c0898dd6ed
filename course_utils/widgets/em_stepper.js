// EMStepper: draws the points, the ellipses and the bound of one iteration. Every frame is computed here;
// Python is asked only for a new climb: other data, another K, or a mean that was dragged.

const GLIDE = 250; // milliseconds from one iteration to the next
const PLAY = 500; // milliseconds between the steps while it plays
const STOPPED = NO_ANSWER + "Stepping and playing still work; run the cell again to drag, or to choose data and K.";

const STYLE = `
.em-stepper button { min-width: 64px; }
.em-stepper .em-plane { flex: 3 1 340px; aspect-ratio: 4 / 3; }
.em-stepper .em-curve { flex: 2 1 240px; }
.em-stepper .em-number { pointer-events: none; font-weight: 600; text-anchor: middle; dominant-baseline: central; }
`;

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
    const root = (this.root = widgetRoot(el, "em-stepper", "EM, step by step", STYLE));

    const choices = element(root, "div", { class: "row" });
    const counts = Array.from({ length: this.model.get("max_components") }, (_, i) => i + 1);
    this.dataSelect = addSelect(choices, "Data", "data set", this.model.get("data_sets"), (name) => this.ask({ data_set: name }));
    this.kSelect = addSelect(choices, "K", "number of components", counts, (k) => this.ask({ n_components: Number(k) }));
    element(choices, "span", {}, "Drag a numbered mean, or move it with the arrow keys.");

    const panels = element(root, "div", { class: "panels" });
    this.plane = new Panel(panels, "em-plane");
    this.canvas = element(this.plane.node, "canvas", { role: "img" });
    this.overlay = element(this.plane.node, "svg");
    this.curve = new Panel(panels, "em-curve");
    this.climb = element(this.curve.node, "svg", { role: "img" });
    const color = this.model.get("colors");
    this.line = element(this.climb, "path", { fill: "none", stroke: color[0], "stroke-width": 2 });
    this.present = element(this.climb, "circle", { r: 7, fill: color[1], class: "em-present" });

    const controls = element(root, "div", { class: "row" });
    const step = (by) => () => (this.stop(), this.go(this.model.get("iteration") + by));
    addButton(controls, "Reset", "back to iteration 0", () => (this.stop(), this.go(0)));
    addButton(controls, "Back", "one iteration back", step(-1));
    this.playButton = addButton(controls, "Play", "play or pause", () => (this.playing ? this.stop() : this.play()));
    addButton(controls, "Step", "one iteration on", step(1));
    this.slider = element(controls, "input", { type: "range", min: 0, step: 1, "aria-label": "iteration" });
    this.slider.addEventListener("input", () => (this.stop(), this.go(Number(this.slider.value))));
    this.readout = element(controls, "span", { class: "readout" });
    this.message = element(root, "div", { class: "message", role: "status" });
  }

  /** One component: two ellipses, its mean to take hold of, and its number. */
  addComponent(j) {
    const group = element(this.overlay, "g", { class: "em-component" });
    const dashes = j < this.model.get("colors").length ? "none" : "7 4"; // the colours come round again
    for (const width of [2.5, 1.2]) {
      element(group, "ellipse", { fill: "none", "stroke-width": width, "stroke-dasharray": dashes });
    }
    const mean = element(group, "circle", { r: 11, "stroke-width": 2, class: "em-mean handle", tabindex: 0, role: "button" });
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
      this.moveTo(...this.plane.toData(...this.plane.place(event)));
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
    this.root.dataset.waiting = "true"; // for tests: a frame is still to come
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
    delete this.root.dataset.waiting;
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
    const text = this.silent ? STOPPED : warning;
    if (this.message.textContent !== text) this.message.textContent = text; // said once by screen readers
  }
}

function render({ model, el }) {
  const stepper = new Stepper(model, el);
  return () => stepper.close();
}

export default { render };

// LatentExplorer: a map of codes. Drag over it, and the decoded picture follows: decoded here if Python could send
// the network, else by messages to Python, of which only the latest position counts.

const TILES = 13; // pictures in a row of the grid
const STRIP = 9; // pictures along the path
const TRAVEL = 3000; // milliseconds from A to B
const BRUSH = 2.2; // width of a line on the canvas to draw on, in its pixels
const NO_DECODER = NO_ANSWER + "Pictures of new codes wait for it; run the cell again.";

// Two class names where it departs from the shared style, which every further widget on the page brings again.
const STYLE = `
.course-widget.latent-explorer { max-width: 1180px; }
.course-widget.latent-explorer .row { margin: 4px 0; gap: 5px 8px; }
.course-widget.latent-explorer :is(button, select, input[type=number]) { box-sizing: border-box; min-height: 28px; padding: 2px 8px; }
.latent-explorer select { max-width: 12em; }
.course-widget.latent-explorer .panels { align-items: flex-start; gap: 8px 12px; }
.latent-explorer .pad { flex: 3 1 340px; max-width: 430px; aspect-ratio: 1; touch-action: none; cursor: crosshair; }
.latent-explorer .side { flex: 2 1 180px; max-width: 260px; }
.latent-explorer .tools { flex: 3 1 280px; display: flex; flex-wrap: wrap; gap: 2px 16px; }
.latent-explorer .tools > div { flex: 1 1 260px; border-top: 1px solid var(--jp-border-color2, #ddd); padding-top: 2px; }
.latent-explorer canvas.picture { display: block; width: 100%; aspect-ratio: 1; image-rendering: pixelated; background: #888; }
.latent-explorer .letter { font-size: 15px; paint-order: stroke; stroke: var(--jp-layout-color1, #fff); stroke-width: 4px; }
.latent-explorer .hovered { display: grid; grid-template-columns: 1fr 1fr; gap: 2px 8px; margin-top: 8px; }
.latent-explorer .hovered span { font-size: 12px; }
.latent-explorer .hovered .what { grid-column: 1 / 3; font-size: 14px; min-height: 1.4em; }
.latent-explorer .grid[aria-pressed=true] { box-shadow: inset 0 0 0 2px currentColor; }
.course-widget.latent-explorer .legend button { padding: 0 6px; display: inline-flex; gap: 4px; align-items: center; justify-content: center; }
.latent-explorer .legend [aria-pressed=false] { opacity: 0.45; }
.latent-explorer .sliders { display: grid; grid-template-columns: repeat(auto-fill, minmax(140px, 1fr)); gap: 0 14px;
  max-height: 80px; overflow-y: auto; padding: 5px 5px 0 0; }
.latent-explorer .sliders label { display: flex; gap: 6px; align-items: center; font-size: 12px; }
.course-widget.latent-explorer .sliders input { flex: 1 1 60px; min-width: 0; min-height: 24px; }
.latent-explorer canvas.strip { width: 100%; max-width: 600px; image-rendering: pixelated; display: block; }
.latent-explorer canvas.draw { width: 140px; height: 140px; image-rendering: pixelated; touch-action: none; cursor: crosshair;
  border: 1px solid var(--jp-border-color0, #999); }
.latent-explorer .hint { flex: 1 1 5em; }
.course-widget.latent-explorer input[type=number] { width: 5.5em; }
`;

// ---- codes

/** Orthonormal directions with an origin: coordinates of codes, and back. */
class Basis {
  constructor(origin, rows, names) {
    Object.assign(this, { origin, rows, names });
  }

  /** Coordinate k of the code that begins at `start` in an array. */
  along(k, codes, start = 0) {
    const row = this.rows[k];
    let sum = 0;
    for (let i = 0; i < row.length; i++) sum += row[i] * (codes[start + i] - this.origin[i]);
    return sum;
  }

  /** The code moved so that its coordinates k are those given; all others stay. */
  move(z, coordinates) {
    const moved = Float32Array.from(z);
    for (const [k, value] of Object.entries(coordinates)) {
      const by = value - this.along(k, z);
      this.rows[k].forEach((part, i) => (moved[i] += by * part));
    }
    return moved;
  }
}

function coordinateBasis(d) {
  const rows = Array.from({ length: d }, (_, k) => Array.from({ length: d }, (_, i) => Number(i === k)));
  return new Basis(new Array(d).fill(0), rows, rows.map((_, k) => `z${k}`));
}

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

/** The plane through three codes; null if they lie on one line. */
function planeBasis(a, b, c) {
  const across = b.map((value, i) => value - a[i]), up = c.map((value, i) => value - a[i]);
  const length = Math.sqrt(dot(across, across));
  const first = across.map((value) => value / length);
  const part = dot(up, first);
  const rest = up.map((value, i) => value - part * first[i]);
  const height = Math.sqrt(dot(rest, rest));
  if (!(length > 1e-6 && height > 1e-6)) return null;
  return new Basis(a, [first, rest.map((value) => value / height)], ["from A to B", "towards C"]);
}

/** From a to b, along a line or along an arc around the origin; as Python's `interpolate`. */
function between(a, b, t, spherical) {
  const cosine = Math.max(-1, Math.min(1, dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b) || 1)));
  const angle = Math.acos(cosine), sine = Math.sin(angle);
  if (!spherical || sine < 1e-4) return a.map((value, i) => value + t * (b[i] - value));
  return a.map((value, i) => (Math.sin((1 - t) * angle) * value + Math.sin(t * angle) * b[i]) / sine);
}

/** Limits that hold 99 of 100 values, so that a few far ones do not squeeze the map. */
function central(values) {
  const sorted = Float64Array.from(values).sort(), off = Math.floor(0.005 * sorted.length);
  return limits([sorted[off], sorted[sorted.length - 1 - off]], 0.1);
}

const SHAPES = [
  (c, r) => c.arc(0, 0, r, 0, 2 * Math.PI),
  (c, r) => c.rect(-0.9 * r, -0.9 * r, 1.8 * r, 1.8 * r),
  (c, r) => polygon(c, [[0, -1.2], [1.1, 0.8], [-1.1, 0.8]], r),
  (c, r) => polygon(c, [[0, -1.3], [1.3, 0], [0, 1.3], [-1.3, 0]], r),
  (c, r) => polygon(c, [[0, 1.2], [1.1, -0.8], [-1.1, -0.8]], r),
  (c, r) => polygon(c, [[-0.4, -1.2], [0.4, -1.2], [0.4, -0.4], [1.2, -0.4], [1.2, 0.4], [0.4, 0.4], [0.4, 1.2], [-0.4, 1.2], [-0.4, 0.4], [-1.2, 0.4], [-1.2, -0.4], [-0.4, -0.4]], r),
  (c, r) => polygon(c, [[-1.2, -0.6], [-0.6, -1.2], [0, -0.6], [0.6, -1.2], [1.2, -0.6], [0.6, 0], [1.2, 0.6], [0.6, 1.2], [0, 0.6], [-0.6, 1.2], [-1.2, 0.6], [-0.6, 0]], r),
  (c, r) => polygon(c, [[-1.2, 0], [0.8, -1.1], [0.8, 1.1]], r),
  (c, r) => polygon(c, [[1.2, 0], [-0.8, -1.1], [-0.8, 1.1]], r),
  (c, r) => polygon(c, Array.from({ length: 10 }, (_, i) => [Math.sin((i * Math.PI) / 5), -Math.cos((i * Math.PI) / 5)].map((v) => v * (i % 2 ? 0.55 : 1.35))), r),
];

function polygon(context, corners, r) {
  corners.forEach(([x, y], i) => (i ? context.lineTo(r * x, r * y) : context.moveTo(r * x, r * y)));
  context.closePath();
}

class Explorer {
  constructor(model, el) {
    this.model = model;
    this.notice = ""; // what there is to say until the next move
    this.remote = new Remote(model, () => {
      this.silent = true;
      this.redraw();
    });
    this.readTraits();
    this.build(el);
    this.listeners = {
      "change:z": () => this.follow(),
      "change:a": () => this.pathChanged(),
      "change:b": () => this.pathChanged(),
      "change:c": () => this.pathChanged(),
      "change:error": () => this.redraw(),
    };
    for (const [event, listener] of Object.entries(this.listeners)) model.on(event, listener);
    this.resized = new ResizeObserver(() => {
      this.pad.layout();
      this.mapChanged();
    });
    this.resized.observe(this.pad.node);
    this.setBasis("coordinates");
    this.pathChanged();
    this.decodePicture();
  }

  close() {
    cancelAnimationFrame(this.frame);
    cancelAnimationFrame(this.tiling);
    clearTimeout(this.tilesSoon);
    this.playing = null;
    this.remote.close();
    this.resized.disconnect();
    for (const [event, listener] of Object.entries(this.listeners)) this.model.off(event, listener);
  }

  readTraits() {
    const { model } = this, precision = model.get("precision");
    const network = (name) => model.get(name) && new Network(model.get(name), unpacked(model.get(`${name}_numbers`), precision));
    this.decoder = network("_decoder");
    this.encoder = network("_encoder");
    this.z = Float32Array.from(model.get("z"));
    this.d = this.z.length;
    this.codes = floats(model.get("_codes"));
    this.n = this.codes.length / this.d;
    const bytes = (name) => new Uint8Array(model.get(name).buffer, model.get(name).byteOffset, model.get(name).byteLength);
    this.labels = bytes("_labels");
    this.images = bytes("_images");
    this.names = model.get("names");
    this.hidden = new Set(); // labels that the legend has switched off
  }

  // ---- the page

  build(el) {
    const root = (this.root = widgetRoot(el, "latent-explorer", "explorer of codes", STYLE));
    const top = element(root, "div", { class: "row" });
    if (this.d > 2) {
      const kinds = ["coordinates", "principal directions", "plane through A, B, C"];
      this.kindSelect = addSelect(top, "Directions", "kind of directions", kinds, (kind) => this.setBasis(kind));
      const range = Array.from({ length: this.d }, (_, k) => k);
      this.axisSelects = [["→", "direction to the right"], ["↑", "direction upwards"]].map(([text, label]) =>
        addSelect(top, text, label, range, () => this.setAxes(...this.axisSelects.map((select) => Number(select.value)))));
      this.axisSelects[1].value = 1;
    }
    addButton(top, "Reset", "back to the mean of the codes", () => this.go(this.model.get("_centre")));
    addButton(top, "Sample", "draw a random code", () => this.go(this.randomCode()));
    this.gridButton = addButton(top, "Grid", "decoded pictures behind the map", () => {
      this.gridShown = !this.gridShown;
      set(this.gridButton, { "aria-pressed": this.gridShown });
      this.mapChanged();
    });
    set(this.gridButton, { class: "grid", "aria-pressed": "false" });
    if (this.n) this.buildVisit(top);

    const panels = element(root, "div", { class: "panels" });
    this.pad = new Panel(panels, "pad");
    this.gridCanvas = element(this.pad.node, "canvas", { "aria-hidden": "true" });
    this.mapCanvas = element(this.pad.node, "canvas", { role: "img" });
    this.overlay = element(this.pad.node, "svg");
    this.route = element(this.overlay, "path", { fill: "none", stroke: "currentColor", "stroke-width": 1.5, "stroke-dasharray": "4 3" });
    this.letters = ["A", "B", "C"].map((letter) => element(this.overlay, "text", { "text-anchor": "middle", "font-weight": 700, class: "letter" }, letter));
    this.handle = element(this.overlay, "circle", { r: 10, class: "handle", tabindex: 0, role: "button", fill: "#ffffff55", stroke: "#D55E00", "stroke-width": 4 });
    this.listenToPad();

    const side = element(panels, "div", { class: "side" });
    this.picture = element(side, "canvas", { class: "picture", role: "img" });
    this.hovered = element(side, "div", { class: "hovered" });
    if (this.images.length) {
      this.trueCanvas = element(this.hovered, "canvas", { class: "picture", role: "img", "aria-label": "the picture" });
      this.againCanvas = element(this.hovered, "canvas", { class: "picture", role: "img", "aria-label": "its reconstruction" });
      element(this.hovered, "span", {}, "picture");
      element(this.hovered, "span", {}, "reconstruction");
    }
    this.what = element(this.hovered, "div", { class: "what", role: "status" }, this.n ? "Hover over a point, or click it." : "");

    const tools = element(panels, "div", { class: "tools" });
    if (this.names.length) this.buildLegend(element(element(tools, "div"), "div", { class: "row legend" }));
    this.buildPath(element(tools, "div"));
    if (this.names.length > 1) this.buildArithmetic(element(element(tools, "div"), "div", { class: "row" }));
    const draws = this.model.get("encodes") && this.model.get("image_shape")[0] === 1;
    if (draws) this.buildCanvas(element(element(tools, "div"), "div", { class: "row" }));
    this.sliders = element(root, "div", { class: "sliders" });
    this.message = element(root, "div", { class: "message", role: "status" });
  }

  buildLegend(row) {
    this.legend = this.names.map((name, label) => {
      const button = addButton(row, "", `show ${name}`, () => {
        if (!this.hidden.delete(label)) this.hidden.add(label);
        this.showLegend();
      });
      const canvas = element(button, "canvas", { width: 16, height: 16, "aria-hidden": "true" });
      element(button, "span", {}, name);
      return { button, canvas };
    });
    addButton(row, "all", "show all labels", () => (this.hidden.clear(), this.showLegend()));
    addButton(row, "none", "hide all labels", () => (this.names.forEach((_, label) => this.hidden.add(label)), this.showLegend()));
  }

  showLegend() {
    this.legend.forEach(({ button }, label) => set(button, { "aria-pressed": !this.hidden.has(label) }));
    this.mapChanged();
  }

  buildPath(section) {
    const row = element(section, "div", { class: "row" });
    const ends = this.d > 2 ? ["a", "b", "c"] : ["a", "b"];
    for (const name of ends) {
      const letter = name.toUpperCase();
      addButton(row, `${letter} = here`, `${letter} is the present code`, () => this.setEnd(name));
    }
    addSelect(row, "Path", "kind of path", ["straight", "spherical"], (kind) => {
      this.spherical = kind === "spherical";
      this.pathChanged();
    });
    this.playButton = addButton(row, "Play", "travel from A to B", () => (this.playing ? this.stop() : this.play()));
    const strip = { class: "strip", role: "img", width: STRIP, height: 1, "aria-label": "pictures on the path from A to B" };
    this.strip = element(section, "canvas", strip);
  }

  /** To one of the known codes, by its number. */
  buildVisit(row) {
    const holder = element(row, "label", {}, "Code no. ");
    const number = element(holder, "input", { type: "number", min: 0, max: this.n - 1, value: 0, "aria-label": "number of a code" });
    const visit = () => {
      const index = Math.round(within(Number(number.value), [0, this.n - 1]));
      number.value = index;
      this.hover(index);
      this.go(this.codeAt(index));
    };
    number.addEventListener("change", visit);
    addButton(row, "Go", "go to that code", visit);
  }

  buildArithmetic(row) {
    const plus = addSelect(row, "Add mean of", "label to add", this.names, () => {});
    const minus = addSelect(row, "minus mean of", "label to subtract", this.names, () => {});
    minus.selectedIndex = 1;
    addButton(row, "Add", "add the difference of the means", () => {
      const [up, down] = [plus, minus].map((select) => this.meanOf(select.selectedIndex));
      this.go(this.z.map((value, i) => value + up[i] - down[i]));
    });
  }

  /** A canvas to draw on: what is drawn is encoded. */
  buildCanvas(row) {
    const [, height, width] = this.model.get("image_shape");
    this.drawing = new Float32Array(height * width);
    const canvas = element(row, "canvas", { class: "draw", role: "img", "aria-label": "draw here with the pointer" });
    const show = () => showPicture(canvas, { data: this.drawing, shape: [height, width] });
    show();
    let last = null;
    const stroke = (event) => {
      const place = placeOn(canvas, event, [height, width]);
      drawLine(this.drawing, [height, width], last ?? place, place, BRUSH, 1);
      last = place;
      show();
      this.encodeDrawing([1, height, width]);
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      stroke(event);
    });
    canvas.addEventListener("pointermove", (event) => last && stroke(event));
    canvas.addEventListener("pointerup", () => (last = null));
    addButton(row, "Clear", "clear the drawing", () => (this.drawing.fill(0), show()));
    element(row, "span", { class: "hint" }, "Draw: the explorer goes to the code of your drawing.");
  }

  listenToPad() {
    const { node } = this.pad;
    const where = (event) => this.pad.toData(...this.pad.place(event));
    let start = null;
    node.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      this.handle.focus();
      node.setPointerCapture(event.pointerId);
      start = { near: this.nearest(event), x: event.clientX, y: event.clientY };
      this.goOnPad(...where(event));
    });
    node.addEventListener("pointermove", (event) => {
      if (start) this.goOnPad(...where(event));
      else this.hover(this.nearest(event));
    });
    node.addEventListener("pointerup", (event) => {
      const still = start && Math.hypot(event.clientX - start.x, event.clientY - start.y) < 3;
      if (still && start.near >= 0) this.go(this.codeAt(start.near)); // a click on a point: to its code, in all dimensions
      start = null;
    });
    node.addEventListener("pointercancel", () => (start = null));
    this.handle.addEventListener("keydown", (event) => {
      const keys = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
      if (!keys[event.key]) return;
      event.preventDefault();
      const { x, y } = this.pad, [dx, dy] = keys[event.key], [i, j] = this.axes;
      this.goOnPad(
        this.basis.along(i, this.z) + 0.02 * dx * (x[1] - x[0]),
        this.basis.along(j, this.z) + 0.02 * dy * (y[1] - y[0]),
      );
    });
  }

  // ---- directions

  setBasis(kind) {
    const { model, d } = this;
    const [a, b, c] = ["a", "b", "c"].map((name) => model.get(name));
    const plane = kind.startsWith("plane") && (a.length && b.length && c.length ? planeBasis(a, b, c) : null);
    if (kind.startsWith("plane") && !plane) {
      this.say("A, B and C must be three codes that do not lie on one line: set them first.");
      this.kindSelect.value = this.kind;
      return;
    }
    this.kind = kind;
    if (kind === "coordinates") this.basis = coordinateBasis(d);
    else if (plane) this.basis = plane;
    else {
      const rows = model.get("_principal"), spreads = model.get("_spreads");
      this.basis = new Basis(model.get("_centre"), rows, rows.map((_, k) => `direction ${k} (sd ${spreads[k].toPrecision(2)})`));
    }
    for (const select of this.axisSelects ?? []) select.disabled = Boolean(plane);
    if (plane) {
      const flat = [0, 1].map((k) => plane.along(k, this.z));
      this.go(plane.move(Float32Array.from(a), flat)); // onto the plane
    }
    const chosen = (this.axisSelects ?? []).map((select) => Number(select.value));
    this.setAxes(...(plane || d === 2 || d === 1 ? [0, Math.min(1, d - 1)] : chosen));
  }

  setAxes(i, j) {
    this.axes = [i, j];
    const { basis } = this;
    this.flat = [this.valuesOf(i), this.valuesOf(j)];
    this.pad.setScale(central(this.flat[0]), central(this.flat[1]), [basis.names[i], basis.names[j]]);
    this.buildSliders();
    this.mapChanged();
  }

  /** Coordinate k of all codes; where there are none, what N(0, 1) mostly gives. */
  valuesOf(k) {
    return this.n ? Array.from({ length: this.n }, (_, row) => this.basis.along(k, this.codes, row * this.d)) : [-3, 3];
  }

  buildSliders() {
    this.sliders.replaceChildren();
    this.sliderOf = {};
    if (this.kind.startsWith("plane")) return;
    for (let k = 0; k < this.d; k++) {
      if (this.axes.includes(k)) continue;
      const label = element(this.sliders, "label", {}, this.kind === "coordinates" ? `z${k}` : String(k));
      const reach = central(this.valuesOf(k));
      const slider = element(label, "input", { type: "range", min: reach[0], max: reach[1], step: (reach[1] - reach[0]) / 200, "aria-label": this.basis.names[k] });
      slider.addEventListener("input", () => this.go(this.basis.move(this.z, { [k]: Number(slider.value) })));
      this.sliderOf[k] = slider;
    }
  }

  // ---- moving

  codeAt(index) {
    return this.codes.slice(index * this.d, (index + 1) * this.d);
  }

  meanOf(label) {
    const sum = new Float64Array(this.d);
    let count = 0;
    this.labels.forEach((value, row) => {
      if (value !== label) return;
      count++;
      for (let i = 0; i < this.d; i++) sum[i] += this.codes[row * this.d + i];
    });
    return sum.map((value) => value / count);
  }

  randomCode() {
    const { model, d } = this, z = Float32Array.from({ length: d }, normal);
    if (model.get("sample") === "normal") return z;
    const rows = model.get("_principal"), spreads = model.get("_spreads");
    return Float32Array.from(model.get("_centre"), (value, i) => rows.reduce((sum, row, k) => sum + z[k] * spreads[k] * row[i], value));
  }

  goOnPad(x, y) {
    const [i, j] = this.axes;
    this.go(this.basis.move(this.z, { [i]: within(x, this.pad.x), ...(j !== i && { [j]: within(y, this.pad.y) }) }));
  }

  /** To a code: the picture follows in the next frame, and Python hears of it. */
  go(z, { playing = false } = {}) {
    if (!playing) this.stop();
    const unseen = (code) => this.basis.move(code, { [this.axes[0]]: 0, [this.axes[1]]: 0 }); // what the pad leaves out
    const before = unseen(this.z);
    this.z = Float32Array.from(z);
    this.told = false;
    this.notice = "";
    this.decodePicture();
    if (this.gridShown && unseen(this.z).some((value, i) => Math.abs(value - before[i]) > 1e-5)) this.tile();
  }

  /** Python, or another view, has moved. */
  follow() {
    const z = this.model.get("z");
    if (z.every((value, i) => Math.fround(value) === this.z[i])) return;
    this.go(z);
    this.told = true;
  }

  setEnd(name) {
    this.model.set(name, Array.from(this.z));
    this.model.save_changes();
    if (this.kind.startsWith("plane")) this.setBasis(this.kind);
  }

  play() {
    const { model } = this, a = model.get("a"), b = model.get("b");
    if (!a.length || !b.length) return this.say("Set A and B first.");
    this.playButton.textContent = "Stop";
    const start = performance.now(), travel = (this.playing = {});
    const on = (now) => {
      if (this.playing !== travel) return;
      const t = Math.min((now - start) / TRAVEL, 1);
      this.go(between(a, b, Math.max(t, 0), this.spherical), { playing: true });
      if (t < 1) requestAnimationFrame(on);
      else this.stop();
    };
    requestAnimationFrame(on);
  }

  stop() {
    this.playing = null;
    this.playButton.textContent = "Play";
  }

  // ---- decoding and encoding

  /** Pictures of codes, one after the other: `then(index, picture)`. A later call for the same slot replaces this one. */
  decode(slot, codes, then) {
    const { d } = this, count = codes.length / d;
    if (!this.decoder) {
      this.remote.ask(slot, "decode", codes, (data, shape) => {
        const size = data.length / count;
        for (let i = 0; i < count; i++) then(i, { data: data.subarray(i * size, (i + 1) * size), shape });
        this.silent = false;
        this.redraw();
      });
      return;
    }
    for (let i = 0; i < count; i++) then(i, this.decoder.run(codes.slice(i * d, (i + 1) * d)));
  }

  /** The picture of the present code, before the next frame. */
  decodePicture() {
    this.pending = true;
    this.redraw();
  }

  encodeDrawing(shape) {
    if (this.encoder) {
      this.go(this.encoder.run(this.drawing, shape).data);
    } else {
      this.remote.ask("encode", "encode", this.drawing, (code) => this.go(code));
    }
  }

  // ---- drawing

  say(text) {
    this.notice = text;
    this.redraw();
  }

  redraw() {
    this.frame ||= requestAnimationFrame(() => this.draw());
    this.root.dataset.waiting = "true"; // for tests: a frame is still to come
  }

  mapChanged() {
    this.mapStale = true;
    this.redraw();
    this.tile();
  }

  draw() {
    this.frame = 0;
    const background = getComputedStyle(this.pad.node).backgroundColor.match(/\d+/g).slice(0, 3).map(Number);
    const dark = !isLight(background);
    if (dark !== this.dark) this.mapStale = true;
    this.dark = dark;
    if (this.mapStale) this.drawMap();
    this.drawOverlay();
    if (this.pending) {
      this.pending = false;
      this.decode("picture", this.z, (_, picture) => {
        this.root.decoded = picture; // for tests: the numbers behind the pixels
        showPicture(this.picture, picture);
        this.root.dataset.drawn = Number(this.root.dataset.drawn ?? 0) + 1; // for tests: how many pictures
      });
    }
    for (const [k, slider] of Object.entries(this.sliderOf)) slider.value = this.basis.along(k, this.z);
    const text = this.silent ? NO_DECODER : this.model.get("error") || this.notice;
    if (this.message.textContent !== text) this.message.textContent = text;
    if (!this.told) {
      this.told = true;
      this.model.set("z", Array.from(this.z));
      this.model.save_changes();
    }
    delete this.root.dataset.waiting;
  }

  color(label) {
    const colors = this.model.get("colors"), color = colors[label % colors.length];
    return color === "#000000" && this.dark ? "#DDDDDD" : color;
  }

  marker(context, label, x, y, r) {
    context.save();
    context.translate(x, y);
    context.beginPath();
    SHAPES[label % SHAPES.length](context, r);
    context.fillStyle = this.color(label);
    context.fill();
    context.restore();
  }

  /** A canvas of the panel's size, cleared; drawn on in the panel's pixels. */
  clear(canvas) {
    const ratio = window.devicePixelRatio || 1;
    canvas.width = this.pad.width * ratio;
    canvas.height = this.pad.height * ratio;
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    return context;
  }

  drawMap() {
    this.mapStale = false;
    const { pad, n } = this, context = this.clear(this.mapCanvas), r = n > 3000 ? 2 : 3.2;
    context.globalAlpha = this.gridShown ? 0.6 : 0.8;
    this.places = new Float32Array(2 * n).fill(NaN);
    for (let row = 0; row < n; row++) {
      if (this.hidden.has(this.labels[row]) && this.names.length) continue;
      const [x, y] = pad.toPixel(this.flat[0][row], this.flat[1][row]);
      this.places[2 * row] = x;
      this.places[2 * row + 1] = y;
      this.marker(context, this.labels[row], x, y, r);
    }
    const shown = this.names.filter((_, label) => !this.hidden.has(label)).join(", ");
    set(this.mapCanvas, { "aria-label": `map of ${n} codes${shown ? `: ${shown}` : ""}` });
    this.legend?.forEach(({ canvas }, label) => {
      const small = canvas.getContext("2d");
      small.clearRect(0, 0, 16, 16);
      this.marker(small, label, 8, 8, 5);
    });
  }

  /** The number of the visible point that the pointer is on, or -1. */
  nearest(event) {
    const [x, y] = this.pad.place(event);
    let best = -1, closest = 10 ** 2;
    for (let row = 0; row < this.n; row++) {
      const distance = (this.places[2 * row] - x) ** 2 + (this.places[2 * row + 1] - y) ** 2;
      if (distance < closest) [best, closest] = [row, distance];
    }
    return best;
  }

  /** Show a known picture and its reconstruction. */
  hover(index) {
    if (index < 0 || index === this.shownIndex) return;
    this.shownIndex = index;
    const label = this.names.length ? `, ${this.names[this.labels[index]]}` : "";
    this.what.textContent = `code ${index}${label}`;
    if (!this.images.length) return;
    const shape = this.model.get("image_shape"), size = shape.reduce((product, value) => product * value, 1);
    const data = Float32Array.from(this.images.subarray(index * size, (index + 1) * size), (value) => value / 255);
    showPicture(this.trueCanvas, { data, shape });
    this.decode("hover", this.codeAt(index), (_, picture) => showPicture(this.againCanvas, picture));
  }

  drawOverlay() {
    const { pad, basis, axes, model } = this;
    const spot = (code) => pad.toPixel(within(basis.along(axes[0], code), pad.x), within(basis.along(axes[1], code), pad.y));
    const [x, y] = spot(this.z);
    const numbers = this.d <= 6 ? Array.from(this.z, (value) => value.toFixed(2)).join(", ") : `${this.d} numbers`;
    set(this.handle, { cx: x, cy: y, "aria-label": `present code: ${numbers}; arrow keys move it` });
    set(this.picture, { "aria-label": `decoded picture of ${numbers}` });
    const ends = ["a", "b", "c"].map((name) => model.get(name));
    this.letters.forEach((letter, i) => {
      const hidden = !ends[i].length || (i === 2 && this.d < 3);
      const [px, py] = hidden ? [0, 0] : spot(ends[i]);
      set(letter, { x: px, y: py + 4, display: hidden ? "none" : "inline" });
    });
    const [a, b] = ends;
    const steps = a.length && b.length ? Array.from({ length: 25 }, (_, i) => spot(between(a, b, i / 24, this.spherical))) : [];
    set(this.route, { d: steps.map(([px, py], i) => `${i ? "L" : "M"}${px} ${py}`).join("") });
  }

  /** Decoded pictures behind the map, in pieces of a few milliseconds, once the hand rests. */
  tile() {
    clearTimeout(this.tilesSoon);
    cancelAnimationFrame(this.tiling);
    if (!this.gridShown) return void this.clear(this.gridCanvas);
    this.tilesSoon = setTimeout(() => this.drawTiles(), 120);
  }

  drawTiles() {
    const { pad, basis, axes, d } = this, context = this.clear(this.gridCanvas);
    context.imageSmoothingEnabled = false;
    const [width, height] = pad.inner.map((size) => size / TILES), codes = new Float32Array(TILES * TILES * d);
    const at = (limits, i) => limits[0] + ((i + 0.5) / TILES) * (limits[1] - limits[0]);
    for (let i = 0; i < TILES * TILES; i++) {
      const place = { [axes[0]]: at(pad.x, i % TILES), [axes[1]]: at(pad.y, Math.floor(i / TILES)) };
      codes.set(basis.move(this.z, place), i * d);
    }
    const draw = (i, picture) => {
      const [x, y] = pad.toPixel(at(pad.x, i % TILES), at(pad.y, Math.floor(i / TILES)));
      context.drawImage(asCanvas(picture), x - width / 2, y - height / 2, width, height);
      this.root.dataset.tiles = i + 1; // for tests
    };
    if (!this.decoder) return this.decode("grid", codes, draw);
    let next = 0;
    const some = () => {
      for (const end = performance.now() + 8; next < TILES * TILES && performance.now() < end; next++) {
        draw(next, this.decoder.run(codes.subarray(next * d, (next + 1) * d)));
      }
      if (next < TILES * TILES) this.tiling = requestAnimationFrame(some);
    };
    some();
  }

  /** Another end, or another kind of path: draw the pictures on it. */
  pathChanged() {
    const { model } = this, a = model.get("a"), b = model.get("b");
    this.redraw();
    if (!a.length || !b.length) return;
    const codes = Float32Array.from(Array.from({ length: STRIP }, (_, i) => between(a, b, i / (STRIP - 1), this.spherical)).flat());
    this.decode("strip", codes, (i, picture) => {
      const source = asCanvas(picture);
      if (i === 0) Object.assign(this.strip, { width: STRIP * (source.width + 1) - 1, height: source.height });
      this.strip.getContext("2d").drawImage(source, i * (source.width + 1), 0);
    });
  }
}

function render({ model, el }) {
  const explorer = new Explorer(model, el);
  return () => explorer.close();
}

export default { render };

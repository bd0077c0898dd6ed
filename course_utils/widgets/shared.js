// Shared by the widgets: elements, colours, a panel with axes, pictures, and questions to Python. Python joins it with a
// widget's own file.

const SVG = "http://www.w3.org/2000/svg";
const MARGIN = { left: 52, right: 12, top: 14, bottom: 42 };
const PATIENCE = 3000; // milliseconds until a silent kernel is reported
const NO_ANSWER = "Python does not answer: its kernel is busy, was restarted, or there is none on this page. ";

const SHARED_STYLE = `
.course-widget { font: 14px/1.4 var(--jp-ui-font-family, sans-serif); color: var(--jp-ui-font-color1, #222);
  max-width: 960px; padding: 2px; }
.course-widget .row { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; margin: 6px 0; }
.course-widget button, .course-widget select, .course-widget input[type=number] { font: inherit; color: inherit;
  background: var(--jp-layout-color2, #eee); border: 1px solid var(--jp-border-color0, #999); border-radius: 4px;
  padding: 3px 12px; min-height: 32px; }
.course-widget button { min-width: 44px; cursor: pointer; }
.course-widget :focus-visible { outline: 3px solid #E69F00; outline-offset: 2px; }
.course-widget input[type=range] { flex: 1 1 160px; min-height: 32px; }
.course-widget .readout { min-width: 17em; font-variant-numeric: tabular-nums; }
.course-widget .panels { display: flex; flex-wrap: wrap; gap: 12px; }
.course-widget .panel { position: relative; min-height: 240px; user-select: none; background: var(--jp-layout-color1, #fff); }
.course-widget .panel > canvas, .course-widget .panel > svg { position: absolute; left: 0; top: 0; width: 100%; height: 100%; }
.course-widget text { fill: currentColor; font-size: 12px; }
.course-widget .axis { stroke: currentColor; stroke-opacity: 0.35; fill: none; }
.course-widget .handle { cursor: grab; touch-action: none; }
.course-widget .handle:focus { outline: none; }
.course-widget .handle:focus-visible { stroke: currentColor; stroke-width: 5; }
.course-widget .handle:active { cursor: grabbing; }
.course-widget .message { min-height: 1.4em; }
`;

/** The root of a widget, with its styles; keys pressed in it are its own. */
function widgetRoot(el, name, label, style) {
  const root = element(el, "div", { class: `course-widget ${name}`, role: "group", "aria-label": label });
  element(root, "style", {}, SHARED_STYLE + style);
  // JupyterLab would take the arrows to move between its cells.
  root.addEventListener("keydown", (event) => event.shiftKey || event.ctrlKey || event.metaKey || event.stopPropagation());
  return root;
}

/** A button with a name for those who cannot see it. */
function addButton(parent, text, label, action) {
  const node = element(parent, "button", { type: "button", "aria-label": label, title: label }, text);
  node.addEventListener("click", action);
  return node;
}

/** A menu with a label before it. */
function addSelect(parent, text, label, values, action) {
  const select = element(element(parent, "label", {}, `${text} `), "select", { "aria-label": label });
  for (const value of values) element(select, "option", { value }, String(value));
  select.addEventListener("change", () => action(select.value));
  return select;
}

function element(parent, tag, attributes = {}, text = "") {
  const drawn = ["svg", "g", "path", "ellipse", "circle", "line", "text", "title"].includes(tag);
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

const minus = (text) => text.replaceAll("-", "−");

/** The path through some points. */
const asPath = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(2)} ${y.toFixed(2)}`).join("");

/** Let a pointer carry a node along a line: `at` gives where the pointer is, `from` where the node is, `to` puts it. */
function carry(node, { at, from, to, focus = () => node.focus() }) {
  let off = null; // from the pointer to where the node is
  node.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    focus();
    node.setPointerCapture(event.pointerId);
    off = from() - at(event);
  });
  node.addEventListener("pointermove", (event) => off !== null && to(at(event) + off));
  for (const end of ["pointerup", "pointercancel"]) node.addEventListener(end, () => (off = null));
}

/** Call `move` with the number of steps that an arrow key asks for: 1 or -1, ten times as many with Shift. */
function listenToArrows(node, move) {
  node.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (!by || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would take Shift and an arrow to select cells
    move(event.shiftKey ? 10 * by : by);
  });
}

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
    this.node = element(parent, "div", { class: `panel ${name}` });
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
    element(this.axes, "path", { class: "axis", d: `M${left} ${top}V${floor}H${this.width - right}` });
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

  /** Where in the panel a pointer is, also where the page is shown larger than it is laid out, as on slides. */
  place(event) {
    const box = this.node.getBoundingClientRect();
    return [
      ((event.clientX - box.left) * this.width) / box.width,
      ((event.clientY - box.top) * this.height) / box.height,
    ];
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

/** A random number from N(0, 1). */
function normal() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}

/** A picture { data, shape } with values in [0, 1] as a small canvas. */
function asCanvas({ data, shape }) {
  const [channels, height, width] = shape.length === 3 ? shape : [1, ...shape];
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const image = new ImageData(width, height), size = width * height;
  for (let i = 0; i < size; i++) {
    for (let q = 0; q < 3; q++) image.data[4 * i + q] = 255 * data[(channels === 3 ? q * size : 0) + i];
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** Fill a canvas with a picture. */
function showPicture(canvas, picture) {
  const source = asCanvas(picture);
  Object.assign(canvas, { width: source.width, height: source.height });
  canvas.getContext("2d").drawImage(source, 0, 0);
}

/** Questions to Python. Each slot has one on its way at most, and one that waits: the latest. */
class Remote {
  constructor(model, onSilence) {
    Object.assign(this, { model, onSilence, slots: {}, name: Math.random().toString(36).slice(2), count: 0 });
    this.listener = (content, buffers) => this.hear(content, buffers);
    model.on("msg:custom", this.listener);
  }

  close() {
    this.model.off("msg:custom", this.listener);
    for (const { patience } of Object.values(this.slots)) clearTimeout(patience);
  }

  /** `then(numbers, shape)` hears the answer to `values`, and to what else the question says in `more`. */
  ask(name, kind, values, then, more = {}) {
    const slot = (this.slots[name] ??= {});
    slot.next = { kind, values, then, more };
    if (!slot.busy) this.send(slot);
  }

  send(slot) {
    const id = `${this.name}:${++this.count}`;
    slot.busy = { ...slot.next, id };
    slot.next = null;
    const giveUp = () => {
      slot.busy = null;
      this.onSilence();
    };
    slot.patience = setTimeout(giveUp, PATIENCE);
    try {
      this.model.send({ ...slot.busy.more, ask: slot.busy.kind, id }, undefined, [Float32Array.from(slot.busy.values).buffer]);
    } catch {
      giveUp(); // there is no kernel
    }
  }

  hear(content, buffers) {
    const slot = Object.values(this.slots).find(({ busy }) => busy?.id === content.answer);
    if (!slot) return;
    clearTimeout(slot.patience);
    const { then } = slot.busy;
    slot.busy = null;
    if (slot.next) this.send(slot);
    if (!content.failed) then(floats(buffers[0]), content.shape);
  }
}

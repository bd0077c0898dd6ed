// GANPlayground: Python trains, and sends one picture after the other; here the latest of them is drawn, and Python is
// told now and then how far that is. What is chosen or drawn with the pointer goes to Python.

const CHOICES = { // what the menus offer; a value that is none of these is added
  learning_rate: [0.0001, 0.0003, 0.001, 0.002, 0.005, 0.01, 0.03],
  discriminator_learning_rate: [0.0001, 0.0003, 0.001, 0.002, 0.005, 0.01, 0.03],
  penalty_weight: [0.01, 0.03, 0.1, 0.3, 1, 3, 10],
  n_critic: [0, 1, 2, 3, 5, 10],
  width: [4, 8, 16, 32, 64, 128],
  speed: [1, 2, 5, 10, 20, 50],
};
const MENUS = [ // the trait, what stands before its menu, and what it is
  ["data_set", "Data", "data set"],
  ["loss", "Loss", "loss of both players"],
  ["penalty", "Penalty", "penalty on the discriminator"],
  ["penalty_weight", "… weight", "weight of the penalty"],
  ["learning_rate", "Rate of G", "learning rate of the generator"],
  ["discriminator_learning_rate", "Rate of D", "learning rate of the discriminator"],
  ["n_critic", "Steps of D", "steps of the discriminator in a round"],
  ["generator", "G", "generator"],
  ["discriminator", "D", "discriminator"],
  ["width", "Width of both", "units of each hidden layer of the built-in networks"],
];
const LAYERS = [ // name, what stands on its button, and what it is
  ["real", "● real", "real points"],
  ["generated", "◆ generated", "generated points"],
  ["heat", "D(x)", "the discriminator"],
  ["grid", "grid of z", "the generator, as a grid of z that it warps"],
  ["arrows", "→ gradient", "arrows along which the generator's loss falls"],
];
const TOLD_EVERY = 4; // pictures, to Python: at each word JupyterLab paints the state of the kernel anew, and draws less
const MAX_OWN = 2000; // points drawn with the pointer
const DAB = { points: 8, spread: 0.06, apart: 0.07 };
const NEEDS_PYTHON = "Training needs Python, which does not answer: its kernel is busy, was restarted, or there is none on this page. What was drawn last stays.";

const STYLE = PLANE_STYLE + `
.course-widget.gan-playground { max-width: 1180px; }
.course-widget.gan-playground .row { margin: 4px 0; gap: 5px 10px; }
.course-widget.gan-playground .panels { align-items: flex-start; gap: 6px 14px; }
.course-widget.gan-playground :is(button, select) { box-sizing: border-box; min-height: 28px; padding: 2px 8px; }
.course-widget.gan-playground .gan-start { min-width: 74px; font-weight: 600; }
.gan-playground .gan-left { flex: 0 1 410px; min-width: 200px; }
.gan-playground .gan-curves { flex: 3 1 300px; min-width: 200px; }
.course-widget.gan-playground .gan-curve { min-height: 0; height: 190px; }
.gan-playground .gan-controls { flex: 1 1 290px; min-width: 200px; display: grid; gap: 5px 20px; align-content: start;
  grid-template-columns: repeat(auto-fill, minmax(min(250px, 100%), 1fr)); }
.gan-playground .gan-controls label { display: grid; grid-template-columns: 8.2em 1fr; align-items: center; gap: 6px; }
.gan-playground .gan-controls select { min-width: 0; }
.gan-playground .gan-curve > svg { overflow: visible; }
.gan-playground .gan-legend { display: flex; flex-wrap: wrap; gap: 0 14px; font-size: 13px; min-height: 1.4em; font-variant-numeric: tabular-nums; }
.gan-playground .gan-legend svg { width: 24px; height: 10px; vertical-align: middle; margin-right: 4px; }
.course-widget.gan-playground .gan-left button { padding: 1px 7px; min-height: 26px; font-size: 13px; }
.gan-playground [aria-pressed=true] { box-shadow: inset 0 0 0 2px currentColor; }
.gan-playground .message { white-space: pre-wrap; }
.gan-playground .gan-hint { font-size: 13px; margin-top: 4px; }
.gan-playground .gan-hint code { white-space: nowrap; }
.gan-playground .message.failed { font-family: var(--jp-code-font-family, monospace); font-size: 13px;
  border-left: 4px solid #D55E00; padding-left: 8px; }
`;

/** Limits on round numbers. */
function roundLimits([low, high]) {
  const step = ticks(low, high)[1][0] - ticks(low, high)[0][0];
  return [Math.floor(low / step) * step, Math.ceil(high / step) * step];
}

/** Curves over the rounds, with a legend that has their latest values. */
class RoundCurves {
  constructor(parent, name, lines) {
    this.legend = element(parent, "div", { class: "gan-legend" });
    this.panel = new Panel(parent, `gan-curve ${name}`);
    this.plot = element(this.panel.node, "svg", { role: "img" });
    this.window = element(this.plot, "svg"); // cuts the curves off at the panel's edges
    this.lines = lines.map((look) => {
      const entry = element(this.legend, "span"), ink = { fill: "none", "stroke-width": 2, ...look };
      element(element(entry, "svg", { "aria-hidden": "true" }), "path", { d: "M0 5H24", ...ink });
      return { path: element(this.window, "path", ink), text: element(entry, "span") };
    });
    this.note = element(this.plot, "text", { "text-anchor": "middle" });
  }

  /** Draw series of equal length, of which each value stands for `stride` rounds. */
  draw(series, stride, { texts, note, label, yLabel, fixed }) {
    const { panel } = this, [width, height] = panel.inner, n = series[0]?.length ?? 0;
    const last = Math.max(n * stride, 100), power = 10 ** Math.floor(Math.log10(last));
    const x = [0, [1, 2, 5, 10].map((factor) => factor * power).find((end) => end >= last)];
    const seen = series.flatMap((values) => Array.from(values)).filter(Number.isFinite).sort((a, b) => a - b), cut = Math.floor(0.01 * seen.length);
    const y = fixed ?? (seen.length ? roundLimits(limits([seen[cut], seen[seen.length - 1 - cut]], 0.04)) : [0, 1]);
    if (`${[x, y, yLabel]}` !== this.scale) {
      this.scale = `${[x, y, yLabel]}`;
      panel.setScale(x, y, ["round", yLabel]);
    }
    const { left, top } = MARGIN;
    set(this.window, { x: left, y: top, width, height, viewBox: `${left} ${top} ${width} ${height}` });
    this.lines.forEach(({ path, text }, k) => {
      let pen = "M", d = "";
      (series[k] ?? []).forEach((value, i) => {
        if (!Number.isFinite(value)) return void (pen = "M"); // a gap
        d += `${pen}${panel.toPixel((i + 0.5) * stride, value).map((p) => p.toFixed(1)).join(" ")}`;
        pen = "L";
      });
      set(path, { d });
      if (text.textContent !== texts[k]) text.textContent = texts[k];
    });
    set(this.note, { x: left + width / 2, y: top + height / 2 });
    this.note.textContent = note;
    this.legend.style.visibility = note ? "hidden" : "visible";
    set(this.plot, { "aria-label": `${label}: ${note || texts.join(", ")}` });
  }
}

class Playground {
  constructor(model, el) {
    this.model = model;
    this.name = Math.random().toString(36).slice(2);
    this.count = 0;
    this.layers = { real: true, generated: true, heat: true, grid: true, arrows: true };
    this.own = []; // what is being drawn with the pointer: x, y, x, y, …
    this.build(el);
    this.listeners = { "change:_now": () => this.hearOfPicture(), "change:_real": () => this.load(), "msg:custom": (content) => this.hear(content) };
    for (const name of ["running", "error", "choices", "data_sets", ...MENUS.map(([trait]) => trait), "speed"]) {
      this.listeners[`change:${name}`] = () => this.showState();
    }
    for (const [event, listener] of Object.entries(this.listeners)) model.on(event, listener);
    this.resized = new ResizeObserver(() => {
      this.plane.layout();
      for (const curves of [this.losses, this.coverage]) curves.panel.layout();
      this.redraw();
    });
    for (const { node } of [this.plane, this.losses.panel, this.coverage.panel]) this.resized.observe(node);
    this.themed = new MutationObserver(() => this.redraw());
    this.themed.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
    this.load();
    this.ask({ do: "hello" });
  }

  close() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.patience);
    this.resized.disconnect();
    this.themed.disconnect();
    for (const [event, listener] of Object.entries(this.listeners)) this.model.off(event, listener);
  }

  build(el) {
    const root = (this.root = widgetRoot(el, "gan-playground", "GAN playground", STYLE)), colors = this.model.get("colors");
    const top = element(root, "div", { class: "row" });
    this.startButton = addButton(top, "Start", "train, or pause", () => this.ask({ do: this.model.get("running") ? "pause" : "start" }));
    this.startButton.classList.add("gan-start");
    addButton(top, "Step", "one round", () => this.ask({ do: "step" }));
    addButton(top, "Reset", "start anew, with untrained networks", () => this.ask({ do: "reset" }));
    this.selects = { speed: this.addMenu(top, "speed", "Rounds per picture", "rounds from one picture to the next") };
    this.readout = element(top, "span", { class: "readout" });

    const panels = element(root, "div", { class: "panels" });
    const left = element(panels, "div", { class: "gan-left" });
    this.plane = new GanPlane(left, colors, this.model.get("window"));
    this.buildLayers(element(left, "div", { class: "row" }));
    const curves = element(panels, "div", { class: "gan-curves" });
    this.losses = new RoundCurves(curves, "gan-losses", [{ stroke: colors[0] }, { stroke: colors[1], "stroke-dasharray": "6 3" }]);
    this.coverage = new RoundCurves(curves, "gan-coverage", [{ stroke: colors[2] }, { stroke: colors[6], "stroke-dasharray": "2 3" }, { stroke: colors[3], "stroke-dasharray": "7 3" }]);
    const controls = element(panels, "div", { class: "gan-controls" });
    for (const [trait, text, label] of MENUS) this.selects[trait] = this.addMenu(controls, trait, text, label);
    this.buildDrawing(element(controls, "div", { class: "row" }));
    const hint = element(controls, "div", { class: "gan-hint" }, "Your own, from a cell, also while it trains: ");
    element(hint, "code", {}, "playground.loss = my_loss");
    hint.append("; likewise penalty, generator and discriminator.");
    this.message = element(root, "div", { class: "message", role: "status" });
  }

  addMenu(parent, trait, text, label) {
    return addSelect(parent, text, label, [], (value) => {
      this.model.set(trait, trait in CHOICES ? Number(value) : value);
      this.model.save_changes();
      this.ask({ do: "hello" });
    });
  }

  /** Buttons that show or hide what is drawn. */
  buildLayers(row) {
    for (const [name, text, label] of LAYERS) {
      const button = addButton(row, text, label, () => {
        this.layers[name] = !this.layers[name];
        set(button, { "aria-pressed": this.layers[name] });
        this.redraw();
      });
      set(button, { "aria-pressed": this.layers[name], class: `gan-layer-${name}` });
    }
  }

  // ---- points drawn by hand

  buildDrawing(row) {
    this.drawButton = addButton(row, "Draw points", "draw your own points with the pointer, or with the arrow keys and Enter", () => this.setDrawing(!this.drawing));
    set(this.drawButton, { "aria-pressed": "false" });
    addButton(row, "Clear", "remove your points", () => {
      this.setDrawing(true);
      this.own = [];
      this.sendOwn();
    });
    const { node } = this.plane, { panel } = this.plane;
    const at = (event) => panel.toData(...panel.place(event)).map((value, k) => within(value, k ? panel.y : panel.x));
    node.addEventListener("pointerdown", (event) => {
      if (!this.drawing) return;
      event.preventDefault();
      node.setPointerCapture(event.pointerId);
      this.held = true;
      this.dab(...at(event));
    });
    node.addEventListener("pointermove", (event) => {
      if (!this.drawing) return;
      this.moveBrush(...at(event));
      if (this.held && Math.hypot(this.place[0] - this.last[0], this.place[1] - this.last[1]) > DAB.apart) this.dab(...this.place);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      node.addEventListener(end, () => {
        if (this.held) this.sendOwn();
        this.held = false;
      });
    }
    node.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (!this.drawing || event.ctrlKey || event.metaKey || !(move || ["Enter", " "].includes(event.key))) return;
      event.preventDefault();
      event.stopPropagation(); // JupyterLab would take Shift and an arrow, or Shift and Enter
      const by = event.shiftKey ? 0.5 : 0.1, [x, y] = this.place;
      if (move) return this.moveBrush(within(x + by * move[0], panel.x), within(y + by * move[1], panel.y));
      this.dab(x, y);
      this.sendOwn();
    });
  }

  setDrawing(drawing) {
    this.drawing = drawing;
    set(this.drawButton, { "aria-pressed": drawing });
    const { node, brush } = this.plane;
    node.classList.toggle("drawing", drawing);
    set(brush, { visibility: drawing ? "visible" : "hidden" });
    if (!drawing) return ["tabindex", "role", "aria-label"].forEach((name) => node.removeAttribute(name));
    set(node, { tabindex: 0, role: "application", "aria-label": "plane to draw points in: the arrow keys move the brush, Enter puts points" });
    const sets = this.model.get("data_sets"), own = sets[sets.length - 1];
    if (this.model.get("data_set") !== own) {
      this.model.set("data_set", own);
      this.model.save_changes();
      this.ask({ do: "hello" });
    }
    this.moveBrush(0, 0);
  }

  moveBrush(x, y) {
    this.place = [x, y];
    const [cx, cy] = this.plane.panel.toPixel(x, y);
    set(this.plane.brush, { cx, cy });
  }

  /** Some points around a place. */
  dab(x, y) {
    this.last = this.place = [x, y];
    const normal = () => DAB.spread * Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
    for (let i = 0; i < DAB.points && this.own.length < 2 * MAX_OWN; i++) {
      this.own.push(within(x + normal(), this.plane.panel.x), within(y + normal(), this.plane.panel.y));
    }
    this.real = Float32Array.from(this.own);
    this.redraw();
  }

  sendOwn() {
    this.ask({ do: "points" }, Float32Array.from(this.own));
  }

  // ---- to and from Python

  send(content, numbers = new Float32Array()) {
    try {
      this.model.send(content, undefined, [numbers.buffer]);
      return true;
    } catch {
      return false; // there is no kernel
    }
  }

  /** Ask Python to do something, and say so if it does not answer. */
  ask(content, numbers) {
    this.asked = ++this.count;
    clearTimeout(this.patience);
    const giveUp = () => {
      this.silent = true;
      this.showState();
    };
    this.patience = setTimeout(giveUp, PATIENCE);
    if (!this.send({ ...content, id: `${this.name}:${this.asked}` }, numbers)) giveUp();
  }

  hear({ heard }) {
    if (heard !== `${this.name}:${this.asked}`) return;
    clearTimeout(this.patience);
    this.silent = false;
    this.showState();
  }

  /** A picture has come. It is drawn in the next frame, unless a later one comes before that. */
  hearOfPicture() {
    if (document.hidden) this.send({ drawn: this.model.get("_now").number }); // frames come when the page is seen again
    this.redraw();
  }

  /** Other real points. */
  load() {
    const { model } = this, dim = model.get("dim"), isOwn = model.get("data_set") === model.get("data_sets").at(-1);
    this.real = floats(model.get("_real"));
    if (isOwn && !this.held && dim === 2) this.own = Array.from(this.real);
    if (!isOwn && this.drawing) this.setDrawing(false);
    this.showState();
    this.redraw();
  }

  /** Menus, the button and the message, as the traits are now. */
  showState() {
    const { model } = this, running = model.get("running"), parts = model.get("choices");
    for (const [trait, select] of Object.entries(this.selects)) {
      const present = model.get(trait), offered = CHOICES[trait] ?? parts[trait] ?? model.get("data_sets");
      const values = offered.includes(present) ? offered : [...offered, present].sort((a, b) => a - b);
      if (values.join() !== select.dataset.values) {
        select.replaceChildren();
        for (const value of values) element(select, "option", { value }, String(value));
        select.dataset.values = values.join();
      }
      select.value = String(present);
    }
    this.selects.penalty_weight.disabled = model.get("penalty") === parts.penalty[0];
    this.selects.width.disabled = ["generator", "discriminator"].every((part) => model.get(part) !== parts[part][0]);
    this.startButton.textContent = running ? "Pause" : "Start";
    this.root.dataset.running = running;
    const error = model.get("error"), text = this.silent ? NEEDS_PYTHON : error || (running ? "Training." : "Paused.");
    this.message.classList.toggle("failed", !this.silent && Boolean(error));
    if (this.message.textContent !== text) this.message.textContent = text; // said once by screen readers
  }

  // ---- drawing

  redraw() {
    this.frame ||= requestAnimationFrame(() => this.draw());
    this.root.dataset.waiting = "true"; // for tests: a frame is still to come
  }

  draw() {
    this.frame = 0;
    const { model } = this, now = model.get("_now"), dim = model.get("dim"), score = now.isProbability ? "D(x)" : "score (rescaled)";
    const numbers = (name) => floats(model.get(name));
    const picture = { real: this.real, generated: numbers("_generated"), arrows: numbers("_arrows"), judged: numbers("_judged"), warped: numbers("_warped") };
    this.root.picture = { ...picture, now }; // for tests: the numbers behind what is drawn
    if (`${[dim, score]}` !== this.scale) {
      this.scale = `${[dim, score]}`;
      this.plane.setDimension(dim, score);
      this.root.querySelector(".gan-layer-heat").textContent = now.isProbability ? "D(x)" : "score";
    }
    this.plane.draw(picture, this.layers);
    this.drawCurves(now);
    this.readout.textContent = `round ${now.rounds.toLocaleString("en")}`;
    if (this.told === undefined || now.number >= this.told + TOLD_EVERY) this.send({ drawn: (this.told = now.number) });
    this.root.dataset.drawn = Number(this.root.dataset.drawn ?? 0) + 1; // for tests: how many frames
    delete this.root.dataset.waiting;
  }

  drawCurves(now) {
    const rows = (name, n) => {
      const all = floats(this.model.get(name)), length = all.length / n;
      return Array.from({ length: n }, (_, k) => all.subarray(k * length, (k + 1) * length));
    };
    const text = (value) => (value === null ? "–" : minus(value.toFixed(3)));
    const [ofD, ofG] = now.last;
    this.losses.draw(rows("_losses", 2), now.lossStride, {
      texts: [`D ${text(ofD)}`, `G ${text(ofG)}`], note: "", label: "losses", yLabel: "loss",
    });
    const k = this.model.get("n_modes"), [modes, quality, kl] = now.coverage;
    const [nModes, share, divergence] = rows("_coverage", 3), divided = (values, by) => Array.from(values, (value) => value / by);
    this.coverage.draw(k ? [divided(nModes, k), share, divided(divergence, Math.log(k) || 1)] : [], now.coverageStride, {
      texts: k ? [`modes ${modes} of ${k}`, `high quality ${(100 * quality).toFixed(0)} %`, `KL ${text(kl)} nats`] : ["", "", ""],
      note: k ? "" : "no modes are known here", label: "coverage of the modes", yLabel: "share; KL / log K", fixed: [0, 1.05],
    });
    const where = this.model.get("dim") === 1 ? "on a line" : "in the plane", gradient = now.gradient.toPrecision(2);
    set(this.plane.canvas, { "aria-label": `${this.model.get("data_set")}, ${where}: real and generated points, and the discriminator, at round ${now.rounds}; mean gradient at a generated point ${gradient}` });
  }
}

function render({ model, el }) {
  const playground = new Playground(model, el);
  return () => playground.close();
}

export default { render };

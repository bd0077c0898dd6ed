// TranslationExplorer: an outline to draw or to pick, and what translators make of it, computed here. A stroke is one
// change of the trait `outline`; while it lasts, only its own view has it.

const BUDGET = 8; // milliseconds in one frame after which a further translation waits for the next one
const REMEMBERED = 100; // changes that can be undone
const ERASER = 3; // width in pixels
const HINT = "Draw on the paper. By keys: arrows move, Space puts pen or eraser down and lifts it, P and E choose, Ctrl+Z undoes.";
const MOVES = [["←", "to the left", [-1, 0]], ["→", "to the right", [1, 0]], ["↑", "up", [0, -1]], ["↓", "down", [0, 1]]];

// Two class names where it departs from the shared style, which every further widget on the page brings again.
const STYLE = SHEET_STYLE + `
.course-widget.translation-explorer { max-width: 1180px; }
.course-widget.translation-explorer .row { margin: 4px 0; gap: 5px 8px; }
.course-widget.translation-explorer button { box-sizing: border-box; min-height: 30px; padding: 2px 10px; }
.course-widget.translation-explorer .tool[aria-pressed=true] { box-shadow: inset 0 0 0 2px currentColor; font-weight: 700; }
.translation-explorer .gap { margin-left: 12px; }
.course-widget.translation-explorer .panels { display: grid; gap: 4px 14px; padding: 3px; margin: 6px 0;
  grid-template-columns: repeat(var(--columns), minmax(0, 320px)); }
.translation-explorer figure { margin: 0; min-width: 0; }
.translation-explorer figcaption { min-height: 1.4em; padding-top: 5px; }
.translation-explorer canvas { display: block; width: 100%; aspect-ratio: 1; image-rendering: pixelated; background: #888; }
.translation-explorer .sheet { box-shadow: 0 0 0 1px var(--jp-border-color0, #999); }
.translation-explorer .nothing canvas { visibility: hidden; }
.course-widget.translation-explorer .examples { gap: 6px; padding: 3px; }
.course-widget.translation-explorer .examples button { min-width: 0; width: 48px; padding: 2px; border: 2px solid transparent; border-radius: 6px; }
.course-widget.translation-explorer .examples button[aria-pressed=true] { border-color: currentColor; }
.course-widget.translation-explorer .message { font-size: 13px; }
.translation-explorer .holder { container-type: inline-size; }
@container (max-width: 560px) {
  .course-widget.translation-explorer .panels { grid-template-columns: repeat(2, minmax(0, 320px)); }
}
`;

const LAST = new WeakMap(); // by the networks of a widget: its last outline, whose translations all views share

const bytesOf = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
const equal = (a, b) => a.every((value, i) => value === b[i]);

class Explorer {
  constructor(model, el) {
    this.model = model;
    const { source, target } = model.get("_shapes");
    Object.assign(this, { source, target, size: source[0] * source[1], tool: "pen", past: [], turn: 0, notice: HINT });
    this.examples = bytesOf(model.get("_examples"));
    this.truths = bytesOf(model.get("_truths"));
    const numbers = model.get("_networks_numbers");
    this.networks = model.get("_networks").map((layers, k) => new Network(layers, unpacked(numbers[k], model.get("precision"))));
    this.now = this.stated(); // what the traits say, with the translations of it
    this.stroke = null; // the same while it is being drawn on
    this.build(el);
    this.listener = () => this.follow();
    for (const name of ["outline", "example"]) model.on(`change:${name}`, this.listener);
    this.redraw();
  }

  close() {
    this.tell();
    cancelAnimationFrame(this.frame);
    for (const name of ["outline", "example"]) this.model.off(`change:${name}`, this.listener);
  }

  // ---- the page

  build(el) {
    const root = (this.root = widgetRoot(el, "translation-explorer", "explorer of translations", STYLE));
    root.explorer = this; // for tests
    this.buildTools(element(root, "div", { class: "row" }));
    const panels = element(element(root, "div", { class: "holder" }), "div", { class: "panels" });
    panels.style.setProperty("--columns", this.networks.length + 2);
    const strokes = { begin: () => this.begin(), line: (from, to) => this.line(from, to), end: () => this.end(), say: (text) => this.say(text) };
    const [height, width] = this.source, label = `paper, ${height} by ${width} pixels: arrows move the cursor, Space puts the pen down`;
    const paper = element(panels, "figure");
    this.sheet = new Sheet(paper, this.source, { label, ...strokes });
    this.paper = element(paper, "figcaption");
    this.results = this.model.get("names").map((name) => this.buildFigure(panels, name));
    this.reference = this.buildFigure(panels, "");
    this.buildExamples(element(root, "div", { class: "row examples", role: "group", "aria-label": "examples" }));
    this.message = element(root, "div", { class: "message", role: "status" });
    root.addEventListener("keydown", (event) => this.press(event));
  }

  buildTools(row) {
    this.tools = ["pen", "eraser"].map((tool) => {
      const button = addButton(row, tool[0].toUpperCase() + tool.slice(1), `draw with the ${tool}`, () => this.choose(tool));
      button.classList.add("tool");
      return button;
    });
    addButton(row, "Undo", "undo the last change", () => this.undo()).classList.add("gap");
    addButton(row, "Clear", "an empty sheet of paper", () => this.put(new Array(this.size).fill(1)));
    element(row, "span", { class: "gap" }, "Move");
    for (const [text, where, by] of MOVES) {
      addButton(row, text, `move the outline one pixel ${where}`, () => this.put(shifted(this.now.outline, this.source, by, 1)));
    }
    this.choose("pen");
  }

  buildFigure(parent, name) {
    const figure = element(parent, "figure"), canvas = element(figure, "canvas", { role: "img" });
    set(canvas, { "aria-label": `what the model “${name}” makes of the outline` });
    return { figure, canvas, text: element(figure, "figcaption", {}, name) };
  }

  buildExamples(row) {
    this.picks = Array.from({ length: this.examples.length / this.size }, (_, i) => {
      const button = addButton(row, "", `example ${i + 1}`, () => this.pick(i));
      showPicture(element(button, "canvas", { "aria-hidden": "true" }), { data: this.exampleAt(i), shape: this.source });
      listenToArrows(button, (by) => this.picks[(i + by + 10 * this.picks.length) % this.picks.length].focus());
      return button;
    });
  }

  // ---- outlines

  exampleAt(i) {
    return Array.from(this.examples.subarray(i * this.size, (i + 1) * this.size), (level) => level / 255);
  }

  /** What the traits say; Python sets one after the other, so that an example may not fit its outline yet. */
  stated() {
    const outline = this.model.get("outline").flat(), example = this.model.get("example");
    const fits = example >= 0 && equal(outline, this.exampleAt(example));
    const last = LAST.get(this.model.get("_networks"));
    const pictures = last && equal(outline, last.outline) ? last.pictures : [];
    LAST.set(this.model.get("_networks"), { outline, pictures });
    return { outline, example: fits ? example : -1, pictures };
  }

  /** Set the traits, here at once, and in Python after the frame that shows it: telling takes longer than drawing. */
  put(outline, example = -1) {
    const [height, width] = this.source;
    this.model.set({ outline: Array.from({ length: height }, (_, row) => outline.slice(row * width, (row + 1) * width)), example });
    this.isUntold = true;
    this.redraw();
  }

  tell() {
    if (this.isUntold) this.model.save_changes();
    this.isUntold = false;
  }

  /** The traits were set: here, in another view, or in Python. */
  follow() {
    const stated = this.stated(), last = this.past.at(-1);
    this.stroke = null;
    if (equal(stated.outline, this.now.outline)) {
      const isToCome = this.model.get("example") !== stated.example; // the outline of another example
      if (!isToCome) this.now.example = stated.example;
    } else if (last && equal(stated.outline, last.outline)) {
      this.now = Object.assign(this.past.pop(), { example: stated.example }); // one change undone, here or in another view
    } else {
      this.past.push(this.now);
      if (this.past.length > REMEMBERED) this.past.shift();
      this.now = stated;
    }
    this.redraw();
  }

  pick(i) {
    this.say(HINT);
    this.put(this.exampleAt(i), i);
  }

  undo() {
    this.sheet.lift();
    const last = this.past.at(-1);
    if (!last) return this.say("There is nothing to undo.");
    this.put(last.outline, last.example);
  }

  // ---- strokes

  choose(tool) {
    this.sheet?.lift();
    this.tool = tool;
    this.tools.forEach((button, i) => set(button, { "aria-pressed": ["pen", "eraser"][i] === tool }));
  }

  /** Keys that are not those of a button or of the paper. */
  press(event) {
    const isUndo = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
    const tool = !event.ctrlKey && !event.metaKey && { p: "pen", e: "eraser" }[event.key.toLowerCase()];
    if (!isUndo && !tool) return;
    event.preventDefault();
    event.stopPropagation();
    if (isUndo) return this.undo();
    this.choose(tool);
    this.say(`You draw with the ${tool}.`);
  }

  begin() {
    this.say(HINT);
    this.stroke = { outline: this.now.outline.slice(), example: -1, pictures: [] };
  }

  line(from, to) {
    if (!this.stroke) return; // Python has set another outline meanwhile
    const isPen = this.tool === "pen";
    drawLine(this.stroke.outline, this.source, from, to, isPen ? this.model.get("pen") : ERASER, isPen ? 0 : 1);
    this.stroke.pictures = [];
    this.redraw();
  }

  end() {
    const { stroke } = this;
    if (!stroke) return;
    this.stroke = null;
    if (equal(stroke.outline, this.now.outline)) return this.redraw(); // the eraser met no ink
    LAST.set(this.model.get("_networks"), stroke);
    this.put(stroke.outline);
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

  draw() {
    this.frame = 0;
    const shown = this.stroke ?? this.now;
    this.sheet.show(shown.outline);
    const isDone = this.translate(shown, this.networks.length) && this.compare(shown);
    this.results.forEach(({ canvas }, k) => this.show(canvas, shown.pictures[k]));
    this.describe(shown);
    if (this.isUntold) setTimeout(() => this.tell());
    delete this.root.dataset.waiting;
    if (!isDone) this.redraw();
  }

  /** Translate by the first `count` models, in turns, what this frame has time for; whether all is done. */
  translate({ outline, pictures }, count) {
    const start = performance.now();
    for (let i = 0; i < count; i++) {
      const k = (this.turn + i) % count;
      if (pictures[k]) continue;
      if (performance.now() - start > BUDGET) {
        this.turn = k; // begins the next frame, even if the pen has moved on
        return false;
      }
      pictures[k] = this.networks[k].run(Float32Array.from(outline), [1, ...this.source]);
    }
    return true;
  }

  /** Beside the translations: the true picture of an example, else the first translation before the last change. */
  compare(shown) {
    const before = this.stroke ? this.now : this.past.at(-1), truth = this.truthOf(shown.example), { canvas, text, figure } = this.reference;
    if (!truth && before && !this.translate(before, 1)) return false;
    const first = this.networks.length > 1 ? `, ${this.model.get("names")[0]}` : "";
    text.textContent = truth ? "the true picture" : before ? `before the last change${first}` : "";
    set(canvas, { "aria-label": text.textContent });
    figure.classList.toggle("nothing", !truth && !before);
    this.show(canvas, truth ?? before?.pictures[0]);
    return true;
  }

  truthOf(example) {
    const size = this.target.reduce((product, side) => product * side, 1);
    if (example < 0 || (example + 1) * size > this.truths.length) return null;
    this.shownTruth = this.shownTruth?.example === example ? this.shownTruth : {
      example,
      shape: this.target,
      data: Float32Array.from(this.truths.subarray(example * size, (example + 1) * size), (level) => level / 255),
    };
    return this.shownTruth;
  }

  describe({ example }) {
    const what = this.stroke || example < 0 ? "outline, a drawing" : `outline, example ${example + 1}`;
    if (this.paper.textContent !== what) this.paper.textContent = what;
    this.picks.forEach((button, i) => set(button, { "aria-pressed": i === example }));
    if (this.message.textContent !== this.notice) this.message.textContent = this.notice;
  }

  show(canvas, picture) {
    if (!picture || canvas.picture === picture) return;
    canvas.picture = picture; // for tests too: the numbers behind the pixels
    showPicture(canvas, picture);
    this.root.dataset.drawn = Number(this.root.dataset.drawn ?? 0) + 1; // for tests: how often
  }
}

function render({ model, el }) {
  const explorer = new Explorer(model, el);
  return () => explorer.close();
}

export default { render };

// CodePainter: a map of codes to paint on, and what the decoder makes of it, computed here. A stroke is one change of the
// trait `codes`; while it lasts, only its own view has it.

const REMEMBERED = 100; // changes that can be undone
const HOW = "Choose a code, then click or drag on the map. By keys: arrows move, Space puts the brush down and lifts it, P takes the code under the cursor, Ctrl+Z undoes.";
const PAINTER_STYLE = SHEET_STYLE + `
.course-widget.code-painter { max-width: 1100px; }
.course-widget.code-painter .row { margin: 4px 0; gap: 5px 8px; }
.course-widget.code-painter .panels { display: grid; gap: 8px 14px; padding: 3px; align-items: start; grid-template-columns: repeat(3, minmax(0, 330px)); }
.code-painter figure { margin: 0; min-width: 0; }
.code-painter figcaption { padding-top: 5px; font-size: 13px; }
.code-painter .picture { position: relative; }
.code-painter .picture canvas { display: block; width: 100%; image-rendering: pixelated; background: #888; }
.code-painter .picture svg { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none; overflow: visible; }
.code-painter .reach { fill: none; stroke: #E69F00; stroke-width: 0.35; }
.course-widget.code-painter .palette { gap: 3px; padding: 3px; }
.course-widget.code-painter .palette button { min-width: 0; width: 38px; min-height: 0; padding: 1px; border: 3px solid transparent; border-radius: 5px; }
.course-widget.code-painter .palette button[aria-pressed=true] { border-color: #E69F00; }
.course-widget.code-painter .starts .start { min-width: 0; width: 44px; min-height: 0; padding: 2px; }
.code-painter .palette canvas, .code-painter .starts canvas { display: block; width: 100%; image-rendering: pixelated; }
.course-widget.code-painter .message { font-size: 13px; }
.code-painter .holder { container-type: inline-size; }
@container (max-width: 560px) { .course-widget.code-painter .panels { grid-template-columns: repeat(2, minmax(0, 330px)); } }
`;

const bytesOf = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
const equal = (a, b) => a.every((value, i) => value === b[i]);

class Painter {
  constructor(model, el) {
    this.model = model;
    const { map, image } = model.get("_shapes");
    const codebook = floats(model.get("_codebook"));
    Object.assign(this, { map, image, codebook, size: map[0] * map[1], past: [], notice: HOW, stroke: null });
    this.decoder = new Network(model.get("_layers"), unpacked(model.get("_numbers"), model.get("precision")));
    const stamps = bytesOf(model.get("_stamps")), side = image[1] / map[0];
    this.stamps = new CodeMap(stamps, [image[0], side]);
    this.nCodes = this.stamps.pictures.length;
    this.now = this.stated();
    this.build(el);
    this.listener = () => this.follow();
    for (const name of ["codes", "brush"]) model.on(`change:${name}`, this.listener);
    this.follow();
  }

  close() {
    cancelAnimationFrame(this.frame);
    for (const name of ["codes", "brush"]) this.model.off(`change:${name}`, this.listener);
  }

  // ---- the page

  build(el) {
    const root = (this.root = widgetRoot(el, "code-painter", "paint with codes", PAINTER_STYLE));
    root.painter = this; // for tests
    this.buildStarts(element(root, "div", { class: "row starts" }));
    const panels = element(element(root, "div", { class: "holder" }), "div", { class: "panels" });
    const [rows, columns] = this.map, label = `map of codes, ${rows} by ${columns}: arrows move the cursor, Space puts the brush down`;
    const paper = element(panels, "figure");
    this.sheet = new Sheet(paper, this.map, {
      label, begin: () => this.begin(), line: (from, to) => this.line(from, to), end: () => this.end(), say: (text) => this.tell(text),
    });
    this.sheet.canvas.style.aspectRatio = `${columns} / ${rows}`;
    this.sheet.canvas.addEventListener("pointermove", (event) => this.point(placeOn(this.sheet.canvas, event, this.map)));
    element(paper, "figcaption", {}, "codes");
    this.picture = this.buildPicture(panels, "what the decoder makes of them");
    this.change = this.buildPicture(panels, "changed by the last stroke: grey is nothing");
    this.buildPalette(element(root, "div", { class: "row palette", role: "group", "aria-label": "codes to paint with" }));
    this.message = element(root, "div", { class: "message", role: "status" });
    root.addEventListener("keydown", (event) => this.press(event));
  }

  buildStarts(row) {
    addButton(row, "Undo", "undo the last stroke", () => this.undo());
    addButton(row, "Reset", "back to where this map began", () => this.put(this.start));
    addButton(row, "Fill", "the chosen code everywhere", () => this.fill());
    this.model.get("_starts").forEach((codes, i) => {
      const button = addButton(row, "", `begin with image ${i + 1}`, () => {
        this.start = codes.flat();
        this.put(this.start);
      });
      button.classList.add("start");
      showPicture(element(button, "canvas", { "aria-hidden": "true" }), this.decode(codes.flat()));
    });
    this.start = this.now.codes;
  }

  buildPicture(parent, name) {
    const figure = element(parent, "figure"), node = element(figure, "div", { class: "picture" });
    const canvas = element(node, "canvas", { role: "img", "aria-label": name }), [, height, width] = this.image;
    canvas.style.aspectRatio = `${width} / ${height}`;
    const svg = element(node, "svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
    element(figure, "figcaption", {}, name);
    return { canvas, reach: element(svg, "path", { class: "reach" }) };
  }

  buildPalette(row) {
    this.brushes = this.stamps.pictures.map((_, code) => {
      const button = addButton(row, "", `code ${code}`, () => this.choose(code));
      const canvas = element(button, "canvas", { "aria-hidden": "true" });
      Object.assign(canvas, { width: CELL, height: CELL });
      this.stamps.drawOne(canvas.getContext("2d"), code, 0, 0);
      listenToArrows(button, (by) => this.brushes[(code + by + 10 * this.nCodes) % this.nCodes].focus());
      return button;
    });
  }

  // ---- codes

  /** What the traits say. */
  stated() {
    return { codes: this.model.get("codes").flat(), picture: null };
  }

  /** Set the traits, here and in Python. */
  put(codes) {
    const [rows, columns] = this.map;
    this.model.set({ codes: Array.from({ length: rows }, (_, row) => codes.slice(row * columns, (row + 1) * columns)) });
    this.model.save_changes();
  }

  choose(code) {
    this.model.set({ brush: code });
    this.model.save_changes();
    this.say(`You paint with code ${code}.`);
  }

  /** The traits were set: here, in another view, or in Python. */
  follow() {
    const stated = this.stated(), last = this.past.at(-1);
    this.stroke = null;
    if (last && equal(stated.codes, last.codes)) this.now = this.past.pop(); // undone, here or in another view
    else if (!equal(stated.codes, this.now.codes)) {
      this.past.push(this.now);
      if (this.past.length > REMEMBERED) this.past.shift();
      this.now = stated;
    }
    this.redraw();
  }

  undo() {
    this.sheet.lift();
    const last = this.past.at(-1);
    if (!last) return this.say("There is nothing to undo.");
    this.put(last.codes);
  }

  // ---- strokes

  begin() {
    this.stroke = { codes: this.now.codes.slice(), picture: null };
  }

  fill() {
    this.begin();
    this.stroke.codes.fill(this.model.get("brush"));
    this.end();
  }

  line(from, to) {
    if (!this.stroke) return; // Python has set another map meanwhile
    const [rows, columns] = this.map;
    for (const [x, y] of placesBetween(from, to)) {
      if (x >= 0 && x < columns && y >= 0 && y < rows) this.stroke.codes[y * columns + x] = this.model.get("brush");
    }
    this.stroke.picture = null;
    this.point(to);
  }

  end() {
    const { stroke } = this;
    this.stroke = null;
    if (stroke && !equal(stroke.codes, this.now.codes)) this.put(stroke.codes);
    this.redraw();
  }

  /** Keys that are not those of a button or of the map. */
  press(event) {
    const isUndo = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
    const isPick = event.key.toLowerCase() === "p" && !event.ctrlKey && !event.metaKey;
    if (!isUndo && !isPick) return;
    event.preventDefault();
    event.stopPropagation();
    if (isUndo) return this.undo();
    const [x, y] = this.sheet.cursor;
    this.choose((this.stroke ?? this.now).codes[y * this.map[1] + x]);
  }

  // ---- drawing

  say(text) {
    this.notice = text;
    this.redraw();
  }

  /** The sheet's words for where its cursor is, with the code there. */
  tell(text) {
    const [x, y] = this.sheet.cursor;
    this.point([x, y]);
    this.say(`${text} Code ${(this.stroke ?? this.now).codes[y * this.map[1] + x]} is there.`);
  }

  /** Show which pixels the place under the pointer reaches. */
  point(place) {
    const [x, y] = place.map(Math.round), [rows, columns] = this.map;
    if (x < 0 || x >= columns || y < 0 || y >= rows) return;
    this.pointed = [x, y];
    this.redraw();
  }

  decode(codes) {
    const dim = this.codebook.length / this.nCodes, values = new Float32Array(dim * this.size);
    codes.forEach((code, at) => {
      for (let k = 0; k < dim; k++) values[k * this.size + at] = this.codebook[code * dim + k];
    });
    return this.decoder.run(values, [dim, ...this.map]);
  }

  redraw() {
    this.frame ||= requestAnimationFrame(() => this.draw());
    this.root.dataset.waiting = "true"; // for tests: a frame is still to come
  }

  draw() {
    this.frame = 0;
    const shown = this.stroke ?? this.now, before = this.stroke ? this.now : this.past.at(-1);
    shown.picture ??= this.decode(shown.codes);
    if (before) before.picture ??= this.decode(before.codes);
    this.stamps.draw(this.sheet.canvas, shown.codes, this.map);
    showPicture(this.picture.canvas, shown.picture);
    this.picture.canvas.picture = shown.picture; // for tests: the numbers behind the pixels
    const change = shown.picture.data.map((value, i) => 0.5 + (before ? (value - before.picture.data[i]) / 2 : 0));
    showPicture(this.change.canvas, { data: change, shape: shown.picture.shape });
    this.showReach();
    const brush = this.model.get("brush");
    this.brushes.forEach((button, code) => set(button, { "aria-pressed": code === brush }));
    if (this.message.textContent !== this.notice) this.message.textContent = this.notice;
    this.root.dataset.drawn = Number(this.root.dataset.drawn ?? 0) + 1; // for tests: how often
    delete this.root.dataset.waiting;
  }

  showReach() {
    if (!this.pointed) return;
    const [x, y] = this.pointed, layers = this.model.get("_layers");
    const [left, right] = reachOf(layers, x, this.map[1]), [top, bottom] = reachOf(layers, y, this.map[0]);
    const d = `M${left} ${top}H${right + 1}V${bottom + 1}H${left}z`;
    for (const { reach } of [this.picture, this.change]) set(reach, { d });
  }
}

function render({ model, el }) {
  const painter = new Painter(model, el);
  return () => painter.close();
}

export default { render };

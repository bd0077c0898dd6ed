// Grey pictures to draw on: lines with soft edges, and a sheet of paper for pointer and keys. Pictures are rows of numbers,
// one after the other; places are [x, y] in pixels, the middle of the first pixel being [0, 0].

/** How far a place is from the line between two others. */
function distanceToLine([x, y], [x0, y0], [x1, y1]) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const along = within(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy || 1), [0, 1]);
  return Math.hypot(x - x0 - along * dx, y - y0 - along * dy);
}

/** Draw a line towards `value`, 0 or 1: as much as it covers of each pixel, and never away from it. */
function drawLine(picture, [height, width], from, to, lineWidth, value) {
  const reach = lineWidth / 2 + 0.5;
  const [left, right] = [Math.min(from[0], to[0]) - reach, Math.max(from[0], to[0]) + reach];
  const [top, bottom] = [Math.min(from[1], to[1]) - reach, Math.max(from[1], to[1]) + reach];
  for (let row = Math.max(0, Math.ceil(top)); row <= Math.min(height - 1, bottom); row++) {
    for (let column = Math.max(0, Math.ceil(left)); column <= Math.min(width - 1, right); column++) {
      const share = within(reach - distanceToLine([column, row], from, to), [0, 1]), at = row * width + column;
      picture[at] = value ? Math.max(picture[at], share) : Math.min(picture[at], 1 - share);
    }
  }
}

/** A picture moved by whole pixels; what comes in is `value`. */
function shifted(picture, [height, width], [dx, dy], value) {
  return picture.map((_, at) => {
    const column = (at % width) - dx, row = Math.floor(at / width) - dy;
    return column >= 0 && column < width && row >= 0 && row < height ? picture[row * width + column] : value;
  });
}

/** Where a pointer is on a canvas, also where the page is shown larger than it is laid out. */
function placeOn(canvas, event, [height, width]) {
  const box = canvas.getBoundingClientRect();
  return [((event.clientX - box.left) / box.width) * width - 0.5, ((event.clientY - box.top) / box.height) * height - 0.5];
}

const SHEET_STYLE = `
.course-widget .sheet { position: relative; }
.course-widget .sheet canvas { display: block; width: 100%; aspect-ratio: 1; image-rendering: pixelated; touch-action: none; cursor: crosshair; }
.course-widget .sheet .cursor { position: absolute; box-sizing: border-box; border: 2px solid #D55E00; outline: 1px solid #fff;
  pointer-events: none; visibility: hidden; }
.course-widget .sheet canvas:focus-visible ~ .cursor { visibility: visible; }
.course-widget .sheet .cursor.down { background: #D55E0099; }
`;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** A canvas to draw on, by pointer or keys. `begin()` starts a stroke, `line(from, to)` goes on with it, `end()` ends it. */
class Sheet {
  constructor(parent, shape, { label, begin, line, end, say }) {
    Object.assign(this, { shape, begin, line, end, say });
    this.node = element(parent, "div", { class: "sheet" });
    this.canvas = element(this.node, "canvas", { tabindex: 0, role: "application", "aria-label": label });
    this.mark = element(this.node, "div", { class: "cursor", "aria-hidden": "true" });
    const [height, width] = shape;
    set(this.mark, { style: `width: ${100 / width}%; height: ${100 / height}%` });
    this.moveTo([Math.floor(width / 2), Math.floor(height / 2)]);
    this.listenToPointer();
    this.canvas.addEventListener("keydown", (event) => this.press(event));
    this.canvas.addEventListener("blur", () => this.lift());
  }

  show(picture) {
    showPicture(this.canvas, { data: picture, shape: this.shape });
  }

  listenToPointer() {
    const { canvas } = this, place = (event) => placeOn(canvas, event, this.shape);
    let last = null;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || last) return; // another button, or a second finger
      event.preventDefault();
      canvas.focus({ preventScroll: true });
      canvas.setPointerCapture(event.pointerId);
      this.lift();
      this.begin();
      last = place(event);
      this.line(last, last);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!last) return;
      const next = place(event);
      this.line(last, next);
      last = next;
    });
    for (const kind of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(kind, () => {
        if (last) this.end();
        last = null;
      });
    }
  }

  /** Arrows move the cursor; Space or Enter puts the pen down, or lifts it. */
  press(event) {
    const step = ARROWS[event.key], isPen = (event.key === " " || event.key === "Enter") && !event.shiftKey;
    if (event.ctrlKey || event.metaKey || event.altKey || !(step || isPen || (this.down && event.key === "Escape"))) return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would take Shift and an arrow to select cells
    if (step) this.step(step.map((by) => (event.shiftKey ? 4 * by : by)));
    else if (this.down) this.lift();
    else this.lower();
  }

  step([dx, dy]) {
    const from = this.cursor, [height, width] = this.shape;
    this.moveTo([within(from[0] + dx, [0, width - 1]), within(from[1] + dy, [0, height - 1])]);
    if (this.down) this.line(from, this.cursor);
    this.tell();
  }

  moveTo([x, y]) {
    const [height, width] = this.shape;
    this.cursor = [x, y];
    Object.assign(this.mark.style, { left: `${(100 * x) / width}%`, top: `${(100 * y) / height}%` });
  }

  lower() {
    this.down = true;
    this.begin();
    this.line(this.cursor, this.cursor);
    this.tell();
  }

  /** End the stroke of the keys, if there is one. */
  lift() {
    if (!this.down) return;
    this.down = false;
    this.end();
    this.tell();
  }

  tell() {
    this.mark.classList.toggle("down", Boolean(this.down));
    const [x, y] = this.cursor;
    this.say(`Column ${x + 1}, row ${y + 1}: ${this.down ? "down, arrows draw; Space lifts" : "lifted; Space puts it down"}.`);
  }
}

// A picture that is not finished yet, one square for each pixel: what is drawn, regions over it, and a cursor that pointer
// and arrow keys move. Places are numbers in raster order.

const GRID_STYLE = `
.course-widget .grown { display: block; width: 100%; image-rendering: pixelated;
  background: repeating-linear-gradient(45deg, #777 0 3px, #8a8a8a 3px 6px); }
.course-widget .grid { position: relative; }
.course-widget .grid canvas { cursor: pointer; }
.course-widget .grid svg { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none; overflow: visible; }
.course-widget .grid .field { fill: #0072B2; fill-opacity: 0.42; }
.course-widget .grid .edge { stroke: #56B4E9; stroke-width: 0.16; fill: none; }
.course-widget .grid .blind { fill: #D55E00; fill-opacity: 0.45; }
.course-widget .grid .hatch { stroke: #F0E442; stroke-width: 0.14; fill: none; }
.course-widget .grid .next { fill: none; stroke: #E69F00; stroke-width: 0.3; }
.course-widget .grid .hand { fill: none; stroke: #CC79A7; stroke-width: 0.3; }
.course-widget .grid .cursor { fill: none; stroke: #000; stroke-width: 0.22; visibility: hidden; }
.course-widget .grid .cursor.inner { stroke: #fff; stroke-dasharray: 0.35 0.35; }
.course-widget .grid canvas:focus-visible ~ svg .cursor { visibility: visible; }
`;

/** Fill a canvas with the first `count` pixels of a picture with values in [0, 1]; the others let the background through. */
function showGrown(canvas, values, count, [height, width]) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const image = new ImageData(width, height);
  for (let at = 0; at < 4 * count; at++) image.data[at] = at % 4 === 3 ? 255 : 255 * values[at >> 2];
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** The squares of a set of places, as runs along the rows. */
function squaresOf(places, [height, width]) {
  const runs = [];
  for (let row = 0; row < height; row++) {
    for (let column = 0, start = 0; column < width; column = start = column + 1) {
      while (column < width && places[row * width + column]) column++;
      if (column > start) runs.push(`M${start} ${row}h${column - start}v1h${start - column}z`);
    }
  }
  return runs.join("");
}

/** The sides of squares beyond which a set of places ends. */
function edgeOf(places, [height, width]) {
  const has = (r, c) => r >= 0 && r < height && c >= 0 && c < width && places[r * width + c];
  const lines = [];
  for (let at = 0; at < places.length; at++) {
    if (!places[at]) continue;
    const r = Math.floor(at / width), c = at % width;
    if (!has(r - 1, c)) lines.push(`M${c} ${r}h1`);
    if (!has(r + 1, c)) lines.push(`M${c} ${r + 1}h1`);
    if (!has(r, c - 1)) lines.push(`M${c} ${r}v1`);
    if (!has(r, c + 1)) lines.push(`M${c + 1} ${r}v1`);
  }
  return lines.join("");
}

/** A diagonal through each square of a set of places. */
function hatchOf(places, width) {
  return Array.from(places, (one, at) => (one ? `M${at % width} ${Math.floor(at / width) + 1}l1 -1` : "")).join("");
}

/** One square, or nothing for a place that is not in the picture. */
function squareAt(place, [height, width]) {
  if (place < 0 || place >= height * width) return "";
  return `M${place % width} ${Math.floor(place / width)}h1v1h-1z`;
}

/** A picture to click on. `choose(place)` hears of a click or of Space or Enter, `move(place)` of the cursor. */
class PixelGrid {
  constructor(parent, shape, { label, choose, move }) {
    Object.assign(this, { shape, choose, move });
    const [height, width] = shape;
    this.node = element(parent, "div", { class: "grid" });
    this.canvas = element(this.node, "canvas", { class: "grown", tabindex: 0, role: "application", "aria-label": label });
    this.canvas.style.aspectRatio = `${width} / ${height}`;
    const svg = element(this.node, "svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
    const names = ["field", "edge", "blind", "hatch", "hand", "next", "cursor", "cursor inner"];
    this.paths = Object.fromEntries(names.map((name) => [name, element(svg, "path", { class: name })]));
    this.canvas.addEventListener("click", (event) => this.click(event));
    this.canvas.addEventListener("keydown", (event) => this.press(event));
    this.put(Math.floor(height / 2) * width + Math.floor(width / 2));
  }

  /** Draw the first `count` pixels, and frames around the next one and the one that was set by hand. */
  show(image, count, { next, hand }) {
    showGrown(this.canvas, image, count, this.shape);
    this.draw({ next: squareAt(next, this.shape), hand: squareAt(hand, this.shape) });
  }

  /** Draw sets of places over the picture; null for those that are not to be seen. */
  cover({ field, blind }) {
    this.draw({
      field: field ? squaresOf(field, this.shape) : "",
      edge: field ? edgeOf(field, this.shape) : "",
      blind: blind ? squaresOf(blind, this.shape) : "",
      hatch: blind ? hatchOf(blind, this.shape[1]) : "",
    });
  }

  draw(paths) {
    for (const [name, d] of Object.entries(paths)) {
      if (this.paths[name].getAttribute("d") !== d) set(this.paths[name], { d });
    }
  }

  /** Put the cursor on a place. */
  put(place) {
    this.cursor = place;
    const d = squareAt(place, this.shape);
    this.draw({ cursor: d, "cursor inner": d });
  }

  click(event) {
    const [height, width] = this.shape, [x, y] = placeOn(this.canvas, event, this.shape);
    const row = within(Math.round(y), [0, height - 1]), column = within(Math.round(x), [0, width - 1]);
    this.put(row * width + column);
    this.choose(this.cursor);
  }

  press(event) {
    const step = ARROWS[event.key], isChoice = (event.key === " " || event.key === "Enter") && !event.shiftKey;
    if (event.ctrlKey || event.metaKey || event.altKey || !(step || isChoice)) return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would take Shift and an arrow to select cells
    if (isChoice) return this.choose(this.cursor);
    const [height, width] = this.shape, [dx, dy] = step.map((by) => (event.shiftKey ? 4 * by : by));
    const row = within(Math.floor(this.cursor / width) + dy, [0, height - 1]);
    this.put(row * width + within((this.cursor % width) + dx, [0, width - 1]));
    this.move(this.cursor);
  }
}

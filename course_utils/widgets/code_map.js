// A map of codes as a picture, each code drawn as a stamp with its number; and which pixels a place of the map reaches.

const CELL = 40; // pixels of a place on the canvas

/** Draw maps of codes; `stamps` are (n_codes, channels, side, side). */
class CodeMap {
  constructor(stamps, [channels, side]) {
    Object.assign(this, { stamps, channels, side, size: channels * side * side });
    this.pictures = Array.from({ length: stamps.length / this.size }, (_, code) => asCanvas(this.stamp(code)));
  }

  stamp(code) {
    const data = Float32Array.from(this.stamps.subarray(code * this.size, (code + 1) * this.size), (level) => level / 255);
    return { data, shape: [this.channels, this.side, this.side] };
  }

  /** One code at a place of a canvas, with its number. */
  drawOne(context, code, x, y) {
    context.imageSmoothingEnabled = false;
    context.drawImage(this.pictures[code], x, y, CELL, CELL);
    context.font = "600 15px sans-serif";
    Object.assign(context, { textAlign: "center", textBaseline: "middle", lineWidth: 4, lineJoin: "round", strokeStyle: "#000", fillStyle: "#fff" });
    context.strokeText(code, x + CELL / 2, y + CELL / 2);
    context.fillText(code, x + CELL / 2, y + CELL / 2);
  }

  draw(canvas, codes, [rows, columns]) {
    Object.assign(canvas, { width: columns * CELL, height: rows * CELL });
    const context = canvas.getContext("2d");
    codes.forEach((code, at) => this.drawOne(context, code, (at % columns) * CELL, Math.floor(at / columns) * CELL));
    context.strokeStyle = "#888";
    context.lineWidth = 1;
    context.beginPath();
    for (let c = 1; c < columns; c++) context.rect(c * CELL, -1, 0, rows * CELL + 2);
    for (let r = 1; r < rows; r++) context.rect(-1, r * CELL, columns * CELL + 2, 0);
    context.stroke();
  }
}

/** Pixels that a place of the map reaches through a decoder's layers: [first, last] of rows or columns out of `count`. */
function reachOf(layers, place, count) {
  let first = place, last = place, size = count;
  for (const { kind, kernel, factor } of layers) {
    if (kind === "convolution") [first, last] = [first - (kernel - 1) / 2, last + (kernel - 1) / 2];
    if (kind === "pixel_shuffle") [first, last, size] = [first * factor, last * factor + factor - 1, size * factor];
    [first, last] = [Math.max(first, 0), Math.min(last, size - 1)];
  }
  return [first, last];
}

/** Places on the way from one to another, both included. */
function placesBetween([x0, y0], [x1, y1]) {
  const n = Math.max(1, Math.ceil(2 * Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0))));
  return Array.from({ length: n + 1 }, (_, i) => [x0 + ((x1 - x0) * i) / n, y0 + ((y1 - y0) * i) / n].map(Math.round));
}

// What a GAN does on a line or in the plane: real and generated points, D as colours or as a curve, G as a warped grid,
// and arrows along which G's loss falls. Drawn on a canvas, many times a second.

const BINS = 60; // of the histograms on a line
const HISTOGRAM_TOP = 1.15; // of the density's axis; D(x) is on the same one
const X_LINE = -0.13, Z_LINE = -0.5; // heights below the histograms: of the generated points, and of z
const SHOWN = { real: 2000, generated: 400, arrows: 100 }; // points at most
const REACH = 0.1; // longest arrow, as a share of the width

const PLANE_STYLE = `
.course-widget.gan-playground .gan-plane { min-height: 0; aspect-ratio: 1; }
.gan-plane.drawing { cursor: crosshair; touch-action: none; }
.gan-plane .brush { fill: none; stroke: currentColor; stroke-width: 1.5; stroke-dasharray: 3 3; pointer-events: none; }
`;

class GanPlane {
  constructor(parent, colors, windowSize) {
    this.panel = new Panel(parent, "gan-plane");
    this.canvas = element(this.panel.node, "canvas", { role: "img" });
    this.overlay = element(this.panel.node, "svg", { "aria-hidden": "true" });
    this.brush = element(this.overlay, "circle", { class: "brush", r: 9, visibility: "hidden" });
    this.half = windowSize;
    [this.realColor, this.fakeColor, this.gridColor] = colors;
  }

  get node() {
    return this.panel.node;
  }

  /** The axes for data of so many dimensions. */
  setDimension(dim, score) {
    const line = dim === 1, across = [-this.half, this.half];
    this.dim = dim;
    if (line) this.panel.setScale(across, [Z_LINE - 0.08, HISTOGRAM_TOP], ["x", `density, and ${score}`]);
    else this.panel.setScale(across, across, ["x₁", "x₂"]);
    this.dropNegative();
  }

  layout() {
    this.panel.layout();
    this.dropNegative();
  }

  /** On a line, the axis goes on below 0 for the mapping from z to x, where its numbers mean nothing. */
  dropNegative() {
    if (this.dim !== 1) return;
    for (const text of this.panel.axes.querySelectorAll("text[text-anchor=end]")) if (text.textContent.startsWith("-")) text.remove();
  }

  draw(picture, layers) {
    const { canvas, panel } = this, ratio = window.devicePixelRatio || 1;
    const width = Math.round(panel.width * ratio), height = Math.round(panel.height * ratio);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, panel.width, panel.height);
    context.save();
    context.beginPath();
    context.rect(MARGIN.left, MARGIN.top, ...panel.inner);
    context.clip();
    this.ink = getComputedStyle(panel.node).color;
    if (this.dim === 1) this.drawLine(context, picture, layers);
    else this.drawPlane(context, picture, layers);
    context.restore();
  }

  // ---- in the plane

  drawPlane(context, { real, generated, arrows, judged, warped }, layers) {
    if (layers.heat) this.drawHeat(context, judged);
    if (layers.grid) this.drawGrid(context, warped);
    if (layers.real) this.drawReal(context, real);
    if (layers.generated) this.drawGenerated(context, generated);
    if (layers.arrows) this.drawArrows(context, generated, arrows);
  }

  /** Blue where D holds a point for real, orange where for generated, nothing where it cannot tell. */
  drawHeat(context, judged) {
    const side = Math.sqrt(judged.length), small = (this.small ??= document.createElement("canvas"));
    Object.assign(small, { width: side, height: side });
    const image = new ImageData(side, side), [blue, orange] = [rgb(this.realColor), rgb(this.fakeColor)];
    for (let row = 0; row < side; row++) {
      for (let column = 0; column < side; column++) {
        const towards = 2 * judged[row * side + column] - 1, color = towards > 0 ? blue : orange;
        const at = 4 * ((side - 1 - row) * side + column); // the picture's rows begin at its top
        for (let q = 0; q < 3; q++) image.data[at + q] = color[q];
        image.data[at + 3] = 150 * Math.abs(towards) ** 0.8;
      }
    }
    small.getContext("2d").putImageData(image, 0, 0);
    context.imageSmoothingEnabled = true;
    const [left, top] = this.panel.toPixel(-this.half, this.half);
    context.drawImage(small, left, top, ...this.panel.inner);
  }

  /** The images of straight lines over z. */
  drawGrid(context, warped) {
    const n = warped.length / 2, side = Math.round(Math.sqrt(n)), isGrid = side * side === n;
    const at = (i) => this.panel.toPixel(warped[2 * i], warped[2 * i + 1]);
    context.strokeStyle = this.gridColor;
    context.lineWidth = isGrid ? 0.8 : 1.6;
    context.globalAlpha = 0.75;
    context.beginPath();
    const trace = (indices) => indices.forEach((i, k) => (k ? context.lineTo(...at(i)) : context.moveTo(...at(i))));
    const line = Array.from({ length: isGrid ? side : n }, (_, i) => i);
    if (isGrid) for (const row of line) trace(line.map((i) => row * side + i)), trace(line.map((i) => i * side + row));
    else trace(line);
    context.stroke();
    context.globalAlpha = 1;
  }

  /** They seldom change, so they are drawn once, on a canvas of their own. */
  drawReal(context, real) {
    const { width, height } = this.canvas, { panel } = this;
    if (this.realDrawn !== real || this.sheet.width !== width || this.sheet.height !== height) {
      this.sheet = Object.assign(document.createElement("canvas"), { width, height });
      const sheet = this.sheet.getContext("2d");
      sheet.setTransform(context.getTransform());
      this.stamp(sheet, real, SHOWN.real, 0.7, (sprite) => {
        sprite.fillStyle = this.realColor;
        sprite.arc(0, 0, 2.3, 0, 2 * Math.PI);
        sprite.fill();
      });
      this.realDrawn = real;
    }
    context.drawImage(this.sheet, 0, 0, panel.width, panel.height);
  }

  drawGenerated(context, generated) {
    this.stamp(context, generated, SHOWN.generated, 1, (sprite) => {
      sprite.fillStyle = this.fakeColor;
      sprite.strokeStyle = getComputedStyle(this.panel.node).backgroundColor;
      sprite.lineWidth = 0.8;
      for (const [x, y] of [[0, -4.2], [4.2, 0], [0, 4.2], [-4.2, 0]]) sprite.lineTo(x, y);
      sprite.closePath();
      sprite.fill();
      sprite.stroke();
    });
  }

  /** Put a mark, which is drawn once, at each of the first points; many times faster than a path around all. */
  stamp(context, points, most, opacity, drawMark) {
    const mark = (this.mark ??= document.createElement("canvas")), ratio = window.devicePixelRatio || 1, size = 12;
    Object.assign(mark, { width: size * ratio, height: size * ratio }); // also clears it
    const sprite = mark.getContext("2d");
    sprite.setTransform(ratio, 0, 0, ratio, (size / 2) * ratio, (size / 2) * ratio);
    sprite.beginPath();
    drawMark(sprite);
    context.globalAlpha = opacity;
    for (let i = 0; i < Math.min(most, points.length / 2); i++) {
      const [x, y] = this.panel.toPixel(points[2 * i], points[2 * i + 1]);
      context.drawImage(mark, x - size / 2, y - size / 2, size, size);
    }
    context.globalAlpha = 1;
  }

  drawArrows(context, generated, arrows) {
    const longest = REACH * this.panel.inner[0];
    context.strokeStyle = context.fillStyle = this.ink;
    context.lineWidth = 1.1;
    for (let i = 0; i < Math.min(SHOWN.arrows, arrows.length / 2); i++) {
      const [x, y] = this.panel.toPixel(generated[2 * i], generated[2 * i + 1]);
      const size = Math.hypot(arrows[2 * i], arrows[2 * i + 1]), length = (longest * size) / (1 + size);
      if (length > 1.5) arrow(context, x, y, (length * arrows[2 * i]) / size, (-length * arrows[2 * i + 1]) / size);
    }
  }

  // ---- on a line

  drawLine(context, { real, generated, arrows, judged, warped }, layers) {
    const { panel, half } = this, base = panel.toPixel(0, 0)[1];
    if (layers.real && real.length) this.drawHistogram(context, real, this.realColor, true);
    if (layers.generated) this.drawHistogram(context, generated, this.fakeColor, false);
    context.strokeStyle = this.ink;
    if (layers.heat) {
      context.lineWidth = 2;
      context.beginPath();
      judged.forEach((value, i) => context.lineTo(...panel.toPixel(half * ((2 * i) / (judged.length - 1) - 1), value)));
      context.stroke();
    }
    context.lineWidth = 1;
    context.globalAlpha = 0.5;
    for (const height of [base, panel.toPixel(0, X_LINE)[1], panel.toPixel(0, Z_LINE)[1]]) stroke(context, [[0, height], [panel.width, height]]);
    context.globalAlpha = 1;
    const xLine = panel.toPixel(0, X_LINE)[1], zLine = panel.toPixel(0, Z_LINE)[1];
    if (layers.grid) {
      context.strokeStyle = this.gridColor;
      warped.forEach((x, i) => stroke(context, [panel.toPixel(0.9 * half * ((2 * i) / (warped.length - 1) - 1), Z_LINE), [panel.toPixel(x, 0)[0], xLine]]));
    }
    context.fillStyle = this.fakeColor;
    if (layers.generated) generated.subarray(0, SHOWN.arrows).forEach((x) => context.fillRect(panel.toPixel(x, 0)[0] - 1, xLine - 5, 2, 10));
    if (layers.arrows) this.drawLineArrows(context, generated, arrows, (base + xLine) / 2);
    context.fillStyle = this.ink;
    context.font = "12px sans-serif";
    context.fillText("z", MARGIN.left + 5, zLine - 4);
    context.fillText("G(z)", MARGIN.left + 5, xLine + 14);
  }

  drawLineArrows(context, generated, arrows, height) {
    const longest = 1.6 * REACH * this.panel.inner[0];
    context.strokeStyle = context.fillStyle = this.ink;
    context.lineWidth = 1.1;
    for (let i = 0; i < Math.min(SHOWN.arrows / 2, arrows.length); i++) {
      const size = Math.abs(arrows[i]), length = (longest * size) / (1 + size), x = this.panel.toPixel(generated[i], 0)[0];
      if (length > 1.5) arrow(context, x, height + ((i % 5) - 2) * 2.5, Math.sign(arrows[i]) * length, 0);
    }
  }

  /** The share of the points in each bin, divided by its width. */
  drawHistogram(context, values, color, filled) {
    const counts = new Float64Array(BINS), width = (2 * this.half) / BINS;
    for (const x of values) {
      const bin = Math.floor((x + this.half) / width);
      if (bin >= 0 && bin < BINS) counts[bin]++;
    }
    context.beginPath();
    context.moveTo(...this.panel.toPixel(-this.half, 0));
    counts.forEach((count, bin) => {
      for (const end of [bin, bin + 1]) context.lineTo(...this.panel.toPixel(end * width - this.half, count / values.length / width));
    });
    context.lineTo(...this.panel.toPixel(this.half, 0));
    context.strokeStyle = context.fillStyle = color;
    context.lineWidth = filled ? 1 : 2;
    context.globalAlpha = 0.35;
    if (filled) context.fill();
    context.globalAlpha = 1;
    context.stroke();
  }
}

function stroke(context, points) {
  context.beginPath();
  for (const point of points) context.lineTo(...point);
  context.stroke();
}

/** A line with a head, from (x, y) by (dx, dy) pixels. */
function arrow(context, x, y, dx, dy) {
  const length = Math.hypot(dx, dy), head = Math.min(4.5, 0.6 * length), ux = dx / length, uy = dy / length;
  stroke(context, [[x, y], [x + dx, y + dy]]);
  context.beginPath();
  context.moveTo(x + dx, y + dy);
  context.lineTo(x + dx - head * (ux + 0.5 * uy), y + dy - head * (uy - 0.5 * ux));
  context.lineTo(x + dx - head * (ux - 0.5 * uy), y + dy - head * (uy + 0.5 * ux));
  context.fill();
}

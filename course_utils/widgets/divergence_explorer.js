// DivergenceExplorer: drag two densities, and see their divergences, D*, and the gradient of each loss. All of it is
// computed here; Python only hears of the choices.

const TRACK = 268; // pixels to the left of the bars
const ARROWS = 276; // and of the arrows
const DECADES = [-12, 3]; // of the gradients, from the middle of the axis to either end
const RAILS = { p: 14, q: 38 }; // pixels, where the handles slide
const TITLE = 18; // pixels above each strip of curves
const BELOW = 4;
const APART = 20; // pixels, at least, from the middle of a circle to that of a square
const LONGEST_W1 = 8.5; // the end of its bar, in units of x
const NOTES = {
  both: "Two segments: D* is constant wherever q has samples, so its slope is 0, and neither of its losses moves q.",
  p: "Outside p's segment D* is 0 and has no slope: only the samples of q inside it feel a gradient of D*'s losses.",
  q: "At the ends of q's segment D* jumps to 1. A jump has no slope: the samples feel only what D* does between the ends.",
};

const STYLE = `
.course-widget.divergence-explorer { max-width: 1180px; box-sizing: border-box; }
.course-widget.divergence-explorer .row { margin: 2px 0 4px; gap: 4px 14px; }
.course-widget.divergence-explorer .message { min-height: 1.4em; margin-top: 2px; }
.divergence-explorer .div-line { flex: 3 1 400px; box-sizing: border-box; padding-right: 32px; min-width: 0; }
.divergence-explorer .div-results { margin-top: 6px; }
.divergence-explorer .div-rails { position: relative; height: 52px; }
.divergence-explorer .div-densities { height: 216px; min-height: 0; background: none; }
.divergence-explorer .div-sweep { position: relative; flex: 2 1 300px; height: 268px; }
.divergence-explorer .div-bars, .divergence-explorer .div-gradients { position: relative; flex: 1 1 420px; height: 190px; }
.divergence-explorer svg { overflow: visible; }
.divergence-explorer .div-rails svg, .divergence-explorer .div-sweep svg, .divergence-explorer .div-bars svg,
.divergence-explorer .div-gradients svg { position: absolute; left: 0; top: 0; width: 100%; height: 100%; }
.course-widget.divergence-explorer .legend { margin: 0; font-size: 13px; }
.divergence-explorer .legend svg { width: 34px; height: 12px; vertical-align: middle; margin-right: 6px; }
.course-widget .div-letter { fill: white; font-size: 14px; font-weight: 700; text-anchor: middle; pointer-events: none; }
.course-widget .div-heading { font-size: 13px; font-weight: 600; }
.course-widget .div-name, .course-widget .div-number { font-size: 14px; }
.course-widget .div-number { text-anchor: end; font-weight: 600; font-variant-numeric: tabular-nums; }
.course-widget .div-small { font-size: 12px; opacity: 0.85; }
`;

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const powerOfTen = (n) => `10${minus(String(n)).replace("−", "⁻").replace(/\d/g, (digit) => SUPERSCRIPTS[digit])}`;

/** Three digits of a number, as a power of ten where it is far from 1. */
function threeDigits(value) {
  if (value === 0) return "0";
  if (value >= 0.001 && value < 1000) return value.toPrecision(3);
  const [digits, power] = value.toExponential(1).split("e");
  return `${digits} × ${powerOfTen(Number(power))}`;
}

const inFull = (value) => (value === Infinity ? "∞" : value.toFixed(value < 1000 ? 3 : 1));

/** A drawing that fills its own node, of which a screen reader reads the label. */
class Drawing {
  constructor(parent, name) {
    this.node = element(parent, "div", { class: name });
    this.svg = element(this.node, "svg", { role: "img" });
    this.layout();
  }

  /** Take over the present size. */
  layout() {
    this.width = Math.max(this.node.clientWidth, 200);
    this.height = this.node.clientHeight;
  }

  text(x, y, content, more = {}) {
    return element(this.svg, "text", { x, y, ...more }, content);
  }
}

const shareOfKL = (kl) => (kl === Infinity ? 1 : kl / (1 + kl)); // infinity has a place on this scale

/** One bar for each divergence, each on a scale of its own with an end that is never passed. */
class DivergenceBars extends Drawing {
  constructor(parent) {
    super(parent, "div-bars");
    const plain = (top) => (value) => value / top, kl = [[0, "0"], [1, "1"], [3, "3"], [10, "10"], [Infinity, "∞"]];
    this.rows = [
      ["kl", "KL(p ‖ q)", "nats", shareOfKL, kl],
      ["reverseKl", "KL(q ‖ p)", "nats", shareOfKL, kl],
      ["js", "Jensen-Shannon", "nats", plain(LOG_2), [[0, "0"], [LOG_2, "log 2"]]],
      ["tv", "total variation", "", plain(1), [[0, "0"], [0.5, "0.5"], [1, "1"]]],
      ["w1", "Wasserstein-1, in x", "", plain(LONGEST_W1), [0, 2, 4, 6, 8].map((value) => [value, String(value)])],
    ];
  }

  draw(numbers) {
    const { svg, width } = this, end = width - 16;
    svg.replaceChildren();
    this.text(2, 13, "Divergences of p and q", { class: "div-heading" });
    this.rows.forEach(([name, label, unit, share, marks], i) => {
      const y = 30 + 33 * i, at = (value) => TRACK + (end - TRACK) * within(share(value), [0, 1]);
      this.text(2, y + 5, label, { class: "div-name" });
      this.text(218, y + 5, inFull(numbers[name]), { class: "div-number", "data-name": name });
      this.text(224, y + 5, unit, { class: "div-small" });
      element(svg, "path", { d: `M${TRACK} ${y - 6}H${end}V${y + 6}H${TRACK}Z`, class: "axis" });
      const bar = { class: `bar ${name}`, stroke: "currentColor", "stroke-opacity": 0.6, "stroke-width": 12 };
      element(svg, "path", { d: `M${TRACK} ${y}H${at(numbers[name]).toFixed(2)}`, ...bar });
      for (const [value, mark] of marks) {
        element(svg, "path", { d: `M${at(value)} ${y + 6}v3`, class: "axis" });
        this.text(at(value), y + 19, mark, { class: "div-small", "text-anchor": "middle" });
      }
    });
    const spoken = this.rows.map(([name, label, unit]) => `${label} ${inFull(numbers[name])} ${unit}`);
    set(svg, { "aria-label": spoken.join(", ").replaceAll("∞", "infinite") });
  }
}

/** What a gradient does to q, where `distance` goes from p's centre to q's: in a word. */
function verdict(gradient, distance) {
  const size = Math.abs(gradient);
  if (size === 0) return distance === 0 ? "none: centres agree" : "no gradient at all";
  if (size < 1e-4) return "vanishes";
  if (gradient > 0 !== distance > 0) return "away from p's centre";
  return size > 10 ? "towards p, very large" : "towards p";
}

/** The gradient of each loss as an arrow to where descent pushes q, on a scale of powers of ten to both sides. */
class GradientArrows extends Drawing {
  constructor(parent, color) {
    super(parent, "div-gradients");
    this.color = color;
    this.rows = [
      ["saturating", "saturating", "E_q[log(1 − D*)]"],
      ["nonSaturating", "non-saturating", "−E_q[log D*]"],
      ["wasserstein", "Wasserstein", "−E_q[f*], best critic"],
    ];
  }

  draw(numbers, distance) {
    const { svg, width, color } = this, middle = (ARROWS + width - 16) / 2, half = width - 16 - middle, [low, high] = DECADES;
    const reach = (size) => (half * (within(Math.log10(size), DECADES) - low)) / (high - low);
    svg.replaceChildren();
    this.text(2, 13, "Gradient |∂L/∂θ| for a shift θ of q; arrows: where descent pushes q", { class: "div-heading" });
    for (const [power, label] of [[-12, "0"], [-6], [0, "1"], [3]]) {
      for (const side of power === low ? [1] : [-1, 1]) {
        const x = middle + side * reach(10 ** power), dashes = power === 0 ? "4 3" : "none";
        element(svg, "path", { d: `M${x} 26V164`, class: "axis", "stroke-dasharray": dashes });
        this.text(x, 178, label ?? powerOfTen(power), { class: "div-small", "text-anchor": "middle" });
      }
    }
    const spoken = this.rows.map(([name, label, formula], i) => {
      const y = 46 + 46 * i, size = Math.abs(numbers[name]), word = verdict(numbers[name], distance);
      this.text(2, y - 4, label, { class: "div-name" });
      this.text(2, y + 13, formula, { class: "div-small" });
      this.text(ARROWS - 14, y - 4, threeDigits(size), { class: "div-number", "data-name": name });
      this.text(ARROWS - 14, y + 13, word, { class: "div-small div-verdict", "text-anchor": "end" });
      const to = size ? -Math.sign(numbers[name]) * reach(size) : 0, side = Math.sign(to), head = side * Math.min(12, Math.abs(to));
      const arrow = `M${middle} ${y - 5}H${middle + to - head}v-5L${middle + to} ${y}L${middle + to - head} ${y + 10}v-5H${middle}Z`;
      if (to) element(svg, "path", { class: `arrow ${name}`, "data-to": to, d: arrow, fill: color });
      else element(svg, "circle", { class: `arrow ${name}`, "data-to": 0, cx: middle, cy: y, r: 5, fill: color });
      return `${label} ${threeDigits(size)}, ${word}`;
    });
    set(svg, { "aria-label": `gradients that reach the generator: ${spoken.join("; ")}` });
  }
}

/** The divergences as the centres part, the shapes as they are: three strips over one axis, the present place marked. */
class DistanceCurves extends Drawing {
  constructor(parent, color) {
    super(parent, "div-sweep");
    this.color = color;
    const solid = "none", dashed = "6 4";
    this.strips = [
      { title: "JS (solid), total variation (dashed)", lines: [["js", solid], ["tv", dashed]], top: () => 1.1 },
      { title: "KL(p ‖ q) (solid), KL(q ‖ p) (dashed)", lines: [["kl", solid], ["reverseKl", dashed]], top: (values) => 1.1 * Math.max(0, ...values) || 1 },
      { title: "Wasserstein-1", lines: [["w1", solid]], top: () => LONGEST_W1 },
    ];
    this.curves = element(this.svg, "g");
    this.present = element(this.svg, "g");
  }

  /** Draw the curves, from 0 to `longest`. */
  setCurves(points, longest) {
    this.points = points;
    this.longest = longest;
    const { curves, width, height } = this, left = MARGIN.left, right = width - MARGIN.right, each = (height - MARGIN.bottom) / 3;
    this.x = (distance) => left + ((right - left) * distance) / longest;
    curves.replaceChildren();
    this.strips.forEach((strip, i) => {
      const ceiling = i * each + TITLE, floor = (i + 1) * each - BELOW, values = points.flatMap((point) => strip.lines.map(([name]) => point[name]));
      const infinite = values.includes(Infinity), top = strip.top(values.filter(Number.isFinite)) * (infinite ? 1.8 : 1);
      strip.y = (value) => (value === Infinity ? ceiling + 3 : floor - ((floor - ceiling) * value) / top);
      strip.span = [ceiling, floor];
      element(curves, "path", { class: "axis", d: `M${left} ${ceiling}V${floor}H${right}` });
      const marks = [[[0, "0"], [LOG_2, "log 2"], [1, "1"]], ticks(0, 0.9 * top, 2), [[0, "0"], [4, "4"], [8, "8"]]][i];
      for (const [value, label] of infinite ? [...marks.filter(([value]) => value < 0.6 * top), [Infinity, "∞"]] : marks) {
        element(curves, "text", { x: left - 6, y: strip.y(value) + 4, "text-anchor": "end" }, label);
        if (i === 0 && value) element(curves, "path", { class: "axis", "stroke-dasharray": "2 4", d: `M${left} ${strip.y(value)}H${right}` });
      }
      for (const [name, dashes] of strip.lines) {
        const path = points.flatMap((point, k) => {
          const place = [this.x(point.distance), strip.y(point[name])];
          const jumps = k > 0 && point[name] === Infinity && points[k - 1][name] !== Infinity;
          return jumps ? [[this.x(points[k - 1].distance), place[1]], place] : [place];
        });
        element(curves, "path", { class: `curve ${name}`, d: asPath(path), fill: "none", stroke: "currentColor", "stroke-width": 2, "stroke-dasharray": dashes });
      }
      element(curves, "text", { x: left + 8, y: ceiling - 5 }, strip.title);
    });
    for (const [value, label] of ticks(0, longest, 8)) {
      element(curves, "text", { x: this.x(value), y: height - MARGIN.bottom + 14, "text-anchor": "middle" }, label);
    }
    element(curves, "text", { x: (left + right) / 2, y: height - 6, "text-anchor": "middle" }, "distance between the centres of p and q");
  }

  draw(numbers, distance) {
    const { present, color } = this, x = this.x(distance);
    present.replaceChildren();
    for (const { lines, y, span } of this.strips) {
      element(present, "path", { d: `M${x} ${span[0]}V${span[1]}`, stroke: color, "stroke-width": 1.5, "stroke-opacity": 0.7 });
      for (const [name, dashes] of lines) {
        const look = dashes === "none" ? { fill: color, stroke: "white", r: 5 } : { fill: "white", stroke: color, r: 4 };
        element(present, "circle", { class: `now ${name}`, cx: x, cy: y(numbers[name]), "stroke-width": 2, ...look });
      }
    }
    const label = `divergences as the distance between the centres goes from 0 to ${this.longest}; now it is ${distance.toFixed(2)}`;
    set(this.svg, { "aria-label": label });
  }
}

class Explorer {
  constructor(model, el) {
    this.model = model;
    this.centreLimits = model.get("centre_limits");
    this.widthLimits = model.get("width_limits");
    this.longest = this.centreLimits[1] - this.centreLimits[0];
    this.build(el);
    this.redraw = this.redraw.bind(this);
    for (const trait of ["kind", "centre", "width"]) for (const name of ["p", "q"]) model.on(`change:${name}_${trait}`, this.redraw);
    const parts = [this.density, this.curves, this.bars, this.arrows];
    this.resized = new ResizeObserver(() => {
      for (const part of parts) part.layout();
      this.shapes = ""; // the curves are to be drawn anew
      this.redraw();
    });
    for (const { node } of parts) this.resized.observe(node);
    this.redraw();
  }

  close() {
    cancelAnimationFrame(this.frame);
    this.resized.disconnect();
    for (const trait of ["kind", "centre", "width"]) for (const name of ["p", "q"]) this.model.off(`change:${name}_${trait}`, this.redraw);
  }

  // ---- the page

  build(el) {
    const root = (this.root = widgetRoot(el, "divergence-explorer", "divergences of two densities that you drag", STYLE));
    const [p, q, discriminator] = this.model.get("colors");
    const top = element(root, "div", { class: "row" });
    const choose = (name) => (kind) => (this.model.set(`${name}_kind`, kind), this.model.save_changes());
    this.selects = {
      p: addSelect(top, "p, the data:", "shape of p", this.model.get("kinds"), choose("p")),
      q: addSelect(top, "q, the generator:", "shape of q", this.model.get("kinds"), choose("q")),
    };
    this.readout = element(top, "span", { class: "readout" });
    this.buildLegend(element(root, "div", { class: "row legend" }), p, q, discriminator);

    const panels = element(root, "div", { class: "panels" });
    const line = element(panels, "div", { class: "div-line" });
    this.rails = element(element(line, "div", { class: "div-rails" }), "svg", { role: "group", "aria-label": "handles of p and q" });
    this.density = new Panel(line, "div-densities");
    const plot = (this.plot = element(this.density.node, "svg", { "aria-hidden": "true" }));
    this.levels = element(plot, "g");
    this.shown = { p: this.buildDensity("p", p, "none"), q: this.buildDensity("q", q, "9 4") };
    this.ratio = element(plot, "path", { class: "div-ratio", fill: "none", stroke: discriminator, "stroke-width": 2.5, "pointer-events": "none" });
    this.curves = new DistanceCurves(panels, q);

    const results = element(root, "div", { class: "panels div-results" });
    this.bars = new DivergenceBars(results);
    this.arrows = new GradientArrows(results, q);
    this.message = element(root, "div", { class: "message", role: "status" });
  }

  buildLegend(row, p, q, discriminator) {
    const lines = [
      ["p, the data", { stroke: p, "stroke-width": 3, d: "M0 6H34" }],
      ["q, the generator", { stroke: q, "stroke-width": 3, "stroke-dasharray": "9 4", d: "M0 6H34" }],
      ["D* = p/(p + q), the optimal discriminator", { stroke: discriminator, "stroke-width": 2.5, d: "M0 6H34" }],
    ];
    for (const [text, line] of lines) {
      const entry = element(row, "span");
      element(element(entry, "svg", { "aria-hidden": "true" }), "path", line);
      entry.append(text);
    }
    element(row, "span", {}, "Drag curves, circles and squares, or use arrow keys (Shift: faster).");
  }

  /** The curve of a density, and its handles: a circle at the centre, squares a width to both sides; the right one takes keys. */
  buildDensity(name, color, dashes) {
    const area = element(this.plot, "path", { class: `handle div-area ${name}`, fill: color, "fill-opacity": 0.16 });
    const curve = element(this.plot, "path", { class: `div-curve ${name}`, fill: "none", stroke: color, "stroke-width": 3, "stroke-dasharray": dashes, "pointer-events": "none" });
    const rail = element(this.rails, "path", { stroke: color, "stroke-width": 2, fill: "none" });
    const state = () => this.state(name), at = (event) => this.pointed(event), look = { fill: color, stroke: "white", "stroke-width": 2 };
    const toCentre = (x) => this.put({ [`${name}_centre`]: x }), toWidth = (x) => this.put({ [`${name}_width`]: Math.abs(x - state().centre) });
    const slider = (label, [least, most]) => ({ tabindex: 0, role: "slider", "aria-label": label, "aria-valuemin": least, "aria-valuemax": most });

    const centre = element(this.rails, "circle", { class: `handle div-centre ${name}`, r: 11, ...look, ...slider(`centre of ${name}`, this.centreLimits) });
    const letter = element(this.rails, "text", { class: "div-letter", "aria-hidden": "true" }, name);
    const square = (more) => element(this.rails, "path", { ...look, ...more });
    const left = square({ class: `handle div-left ${name}`, "aria-hidden": "true" });
    const width = square({ class: `handle div-width ${name}`, ...slider(`width of ${name}`, this.widthLimits) });

    for (const node of [centre, area]) carry(node, { at, from: () => state().centre, to: toCentre, focus: () => centre.focus() });
    for (const [node, side] of [[left, -1], [width, 1]]) {
      carry(node, { at, from: () => state().centre + side * state().width, to: toWidth, focus: () => width.focus() });
    }
    listenToArrows(centre, (by) => this.put({ [`${name}_centre`]: state().centre + 0.05 * by }));
    listenToArrows(width, (by) => this.put({ [`${name}_width`]: state().width + 0.02 * by }));
    return { area, curve, rail, centre, letter, left, width };
  }

  /** The x that a pointer is at. */
  pointed(event) {
    return this.density.toData(...this.density.place(event))[0];
  }

  // ---- the state: kind, centre and width of p and of q, all of them traits

  state(name) {
    const [kind, centre, width] = ["kind", "centre", "width"].map((trait) => this.model.get(`${name}_${trait}`));
    return { kind, centre, width };
  }

  put(changes) {
    for (const [trait, value] of Object.entries(changes)) {
      const limits = trait.endsWith("centre") ? this.centreLimits : this.widthLimits;
      this.model.set(trait, within(Math.round(value * 1e6) / 1e6, limits));
    }
    this.model.save_changes();
  }

  // ---- drawing

  redraw() {
    this.frame ||= requestAnimationFrame(() => this.draw());
    this.root.dataset.waiting = "true"; // for tests: a frame is still to come
  }

  draw() {
    this.frame = 0;
    const [p, q] = ["p", "q"].map((name) => new LineDensity(this.state(name))), shift = q.centre - p.centre;
    const numbers = { ...divergences(p, q), ...gradientsOfLosses(p, q) };
    this.root.numbers = numbers; // for tests: what is behind the bars
    this.drawDensities(p, q);
    this.drawHandles({ p, q });
    const shapes = [p.kind, p.width, q.kind, q.width].join();
    if (shapes !== this.shapes) this.curves.setCurves(sweep(p, q, this.longest), this.longest);
    this.shapes = shapes;
    this.curves.draw(numbers, Math.abs(shift));
    this.bars.draw(numbers);
    this.arrows.draw(numbers, shift);
    const text = p.flat && q.flat ? NOTES.both : p.flat ? NOTES.p : q.flat ? NOTES.q : "";
    if (this.message.textContent !== text) this.message.textContent = text; // said once by screen readers
    this.root.dataset.drawn = Number(this.root.dataset.drawn ?? 0) + 1; // for tests: how many frames
    delete this.root.dataset.waiting;
  }

  drawDensities(p, q) {
    const { density, model } = this, [low, high] = model.get("x_limits");
    const ceiling = 2 ** Math.ceil(Math.log2(1.05 * Math.max(p.peak, q.peak))); // by halves, not with every move
    if (this.ceiling !== ceiling) density.setScale([low, high], [0, ceiling], ["x", "density"]);
    this.ceiling = ceiling;
    // Close together where a density is narrow, and on both sides of each jump.
    const places = [p, q].flatMap(({ centre, ends, scale, offset, flat }) =>
      flat ? ends.flatMap((x) => [x - SLACK, x + SLACK]) : Array.from({ length: 121 }, (_, i) => centre + (offset + 4 * scale) * (i / 60 - 1)));
    const even = Array.from({ length: 241 }, (_, i) => low + ((high - low) * i) / 240);
    const xs = [...even, ...places.filter((x) => x > low && x < high)].sort((a, b) => a - b);
    for (const [name, each] of Object.entries({ p, q })) {
      const points = xs.map((x) => density.toPixel(x, Math.exp(each.log(x))));
      set(this.shown[name].curve, { d: asPath(points) });
      set(this.shown[name].area, { d: `${asPath([density.toPixel(low, 0), ...points, density.toPixel(high, 0)])}Z` });
    }
    const runs = [[]]; // where p and q are 0 there is no D*
    xs.forEach((x, i) => {
      const value = optimalDiscriminator(p, q, x), next = i + 1 < xs.length ? xs[i + 1] : x;
      const steep = Math.abs(optimalDiscriminator(p, q, next) - value) > 0.05;
      if (Number.isNaN(value)) runs.push([]);
      else for (let k = 0; k < (steep ? 10 : 1); k++) {
        const between = x + ((next - x) * k) / 10;
        runs.at(-1).push(density.toPixel(between, optimalDiscriminator(p, q, between) * ceiling));
      }
    });
    set(this.ratio, { d: runs.map(asPath).join("") });
    this.drawLevels(ceiling, density.width - MARGIN.right);
  }

  /** The axis of D*, to the right. */
  drawLevels(ceiling, right) {
    this.levels.replaceChildren();
    for (const [value, label] of [[0, "0"], [0.5, "½"], [1, "1"]]) {
      const [, y] = this.density.toPixel(0, value * ceiling);
      element(this.levels, "text", { x: right + 6, y: y + 4 }, label);
      if (value) element(this.levels, "path", { class: "axis", "stroke-dasharray": "2 4", d: `M${MARGIN.left} ${y}H${right}` });
    }
    const [, middle] = this.density.toPixel(0, 0.75 * ceiling);
    element(this.levels, "text", { x: right + 18, y: middle + 4, "text-anchor": "middle", class: "div-ratio-label" }, "D*");
  }

  drawHandles(densities) {
    const at = (x) => this.density.toPixel(x, 0)[0];
    for (const [name, { kind, centre, width }] of Object.entries(densities)) {
      const { rail, letter, left, width: right, centre: middle } = this.shown[name], y = RAILS[name], x = at(centre);
      set(rail, { d: `M${at(centre - width)} ${y}H${at(centre + width)}` });
      set(middle, { cx: x, cy: y, "aria-valuenow": centre.toFixed(3) });
      set(letter, { x, y: y + 4 });
      const off = Math.max(width * this.density.unit[0], APART);
      for (const [node, side] of [[left, -1], [right, 1]]) set(node, { d: `M${x + side * off - 7} ${y - 7}h14v14h-14z` });
      set(right, { "aria-valuenow": width.toFixed(3) });
      this.selects[name].value = kind;
    }
    const { p, q } = densities, say = ({ centre, width }) => `${centre.toFixed(2)}, width ${width.toFixed(2)}`;
    this.readout.textContent = minus(`p at ${say(p)}; q at ${say(q)}; distance ${Math.abs(q.centre - p.centre).toFixed(2)}`);
  }
}

function render({ model, el }) {
  const explorer = new Explorer(model, el);
  return () => explorer.close();
}

export default { render };

// The terms of the bound as bars, in nats: reconstruction - KL = bound, bound + gap = log p(x).

const BAR = 17; // pixels, the height of a bar
const ROW = 25; // from one bar to the next
const LABELS = 330; // pixels to the left of the bars
const SHARE = 0.68; // of the bars' width to the left of log p(x)
const FILLED = 0.92; // of either side, at most

const BARS_STYLE = `
.course-widget .nats-bars { position: relative; height: ${5 * ROW + 26}px; margin-top: 6px; }
.course-widget .nats-bars svg { position: absolute; width: 100%; height: 100%; }
.course-widget .nats-bars .name, .course-widget .nats-bars .number { font-size: 14px; }
.course-widget .nats-bars .number { text-anchor: end; font-variant-numeric: tabular-nums; font-weight: 600; }
`;

const inNats = (value) => minus(value.toFixed(3).replace(/^-(0\.0+)$/, "$1"));

/** Five bars on an axis on which log p(x) has one place, whatever q is: only the nats per pixel change, by halves. */
class NatsBars {
  constructor(parent, { reconstruction, kl, bound, gap }) {
    this.node = element(parent, "div", { class: "nats-bars" });
    this.drawing = element(this.node, "svg", { role: "img" });
    this.scale = element(this.drawing, "g");
    const solid = (stroke) => ({ stroke }), striped = (stroke) => ({ stroke, "stroke-dasharray": "5 2" });
    this.rows = [
      ["reconstruction", "reconstruction  E_q[log p(x | z)]", [solid(reconstruction)]],
      ["kl", "− KL(q ‖ prior)", [striped(kl)]],
      ["elbo", "= bound (ELBO)", [solid(bound)]],
      ["gap", "+ gap  KL(q ‖ p(z | x))", [striped(gap)]],
      ["logProb", "= log p(x), whatever q is", [solid(bound), striped(gap)]],
    ].map(([name, label, inks], i) => {
      element(this.drawing, "text", { class: "name", x: 2, y: this.rowAt(i) + 5 }, label);
      const number = element(this.drawing, "text", { class: "number", x: LABELS - 14, y: this.rowAt(i) + 5 });
      const parts = inks.map((ink) => element(this.drawing, "path", { class: `bar ${name}`, "stroke-width": BAR, ...ink }));
      return { name, number, parts };
    });
    this.total = element(this.drawing, "path", { class: "total", stroke: "currentColor", "stroke-width": 1.5, "stroke-dasharray": "4 3" });
    this.layout();
  }

  /** Take over the present size. */
  layout() {
    this.width = Math.max(this.node.clientWidth, LABELS + 160);
  }

  rowAt(i) {
    return 12 + i * ROW;
  }

  draw(terms) {
    const { logProb, elbo, reconstruction } = terms, { width } = this;
    const inner = width - LABELS - 12, total = LABELS + SHARE * inner, rest = (1 - SHARE) / SHARE;
    const needed = Math.max(logProb - elbo, (reconstruction - logProb) / rest, FILLED) / FILLED;
    const span = 2 ** Math.ceil(Math.log2(needed)); // nats from the left end to log p(x)
    const low = logProb - span, high = logProb + span * rest;
    const at = (nats) => total + ((nats - logProb) * SHARE * inner) / span;
    const ends = { reconstruction: [low, reconstruction], kl: [elbo, reconstruction], elbo: [low, elbo], gap: [elbo, logProb], logProb: [low, elbo, logProb] };
    this.rows.forEach(({ name, number, parts }, i) => {
      const places = ends[name].map((nats) => at(nats).toFixed(2));
      parts.forEach((part, k) => set(part, { d: `M${places[k]} ${this.rowAt(i)}H${places[k + 1]}` }));
      number.textContent = inNats(terms[name]);
    });
    const floor = this.rowAt(4) + BAR / 2 + 3;
    set(this.total, { d: `M${total} 2V${floor}` });
    this.scale.replaceChildren();
    element(this.scale, "path", { class: "axis", d: `M${LABELS} ${floor}H${width - 12}` });
    for (const [value, label] of ticks(low, high, Math.max(inner / 90, 3))) {
      element(this.scale, "text", { x: at(value), y: floor + 14, "text-anchor": "middle" }, minus(label));
    }
    element(this.scale, "text", { x: LABELS - 14, y: floor + 14, "text-anchor": "end" }, "nats");
    const names = { kl: "KL", elbo: "bound", logProb: "log p(x)" };
    const spoken = this.rows.map(({ name, number }) => `${names[name] ?? name} ${number.textContent}`).join(", ");
    set(this.drawing, { "aria-label": `in nats: ${spoken}` });
  }
}

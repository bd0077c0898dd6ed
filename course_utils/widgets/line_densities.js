// Two densities on a line, what their divergences are, and what gradient each loss of a GAN hands to the generator
// when D is optimal. Python's DivergenceExplorer computes the same from the same numbers.

const LOG_2 = Math.LN2;
const FINE = 1 / 32; // cells per standard deviation of the narrower density, for the numbers
const COARSE = 1 / 2; // and for the curves over the distance
const FAR = 7; // standard deviations from a hill at which its density ends for the integrals
const SLACK = 1e-9; // by which the ends of two segments may differ and still agree
const ROUNDING = 1e-9; // of the sum of absolute values: what is smaller is the rounding of a 0
const NODES = [0.5 - Math.sqrt(1 / 12), 0.5 + Math.sqrt(1 / 12)]; // Gauss and Legendre's two points of a cell

/** A density: one hill of standard deviation `width`, a segment of that half length, or two hills at that distance. */
class LineDensity {
  constructor({ kind, centre, width }) {
    Object.assign(this, { kind, centre, width });
    this.flat = kind === "uniform";
    this.offset = kind === "two Gaussians" ? width : 0; // of the hills from the centre
    this.scale = kind === "two Gaussians" ? width / 3 : width;
    const half = this.flat ? width : this.offset + FAR * this.scale;
    this.ends = [centre - half, centre + half];
    this.top = this.flat ? Math.log(1 / (2 * width)) : -Math.log(this.scale * Math.sqrt(2 * Math.PI));
    this.peak = Math.exp(this.top) / (this.offset ? 2 : 1);
  }

  /** The logarithm of the density; -Infinity beyond the ends of a segment. */
  log(x) {
    const { flat, offset, scale, top, ends } = this, u = x - this.centre;
    if (flat) return x < ends[0] || x > ends[1] ? -Infinity : top;
    if (!offset) return top - (u * u) / (2 * scale * scale);
    const t = Math.abs(offset * u) / (scale * scale); // the two hills together make a hyperbolic cosine
    return top - (u * u + offset * offset) / (2 * scale * scale) + t + Math.log1p(Math.exp(-2 * t)) - LOG_2;
  }

  /** The derivative of the logarithm; 0 on a segment. */
  slope(x) {
    const { flat, offset, scale } = this, u = x - this.centre, variance = scale * scale;
    if (flat) return 0;
    return ((offset ? offset * Math.tanh((offset * u) / variance) : 0) - u) / variance;
  }

  /** Whether this density is above 0 wherever another one is. */
  covers(other) {
    return !this.flat || (other.flat && other.ends[0] > this.ends[0] - SLACK && other.ends[1] < this.ends[1] + SLACK);
  }
}

/** Call `use(x, weight)` twice in each of the cells from one end of both densities to the other; no jump is in a cell. */
function forEachCell(p, q, cellsPerScale, use, endOfCell) {
  const edges = [...p.ends, ...q.ends].sort((a, b) => a - b), size = cellsPerScale * Math.min(p.scale, q.scale);
  for (let i = 0; i + 1 < edges.length; i++) {
    const n = Math.ceil((edges[i + 1] - edges[i]) / size), cell = (edges[i + 1] - edges[i]) / n;
    for (let k = 0; k < n; k++) {
      for (const node of NODES) use(edges[i] + (k + node) * cell, cell / 2);
      endOfCell(cell);
    }
  }
}

/** KL both ways, JS (nats), total variation, Wasserstein-1, and its gradient as q's samples move to the right. */
function divergences(p, q, cellsPerScale = FINE) {
  let kl = 0, reverseKl = 0, js = 0, tv = 0, w1 = 0, wasserstein = 0;
  let before = 0, massP = 0, massQ = 0; // P - Q at the cell's left end; the mass in the cell
  forEachCell(p, q, cellsPerScale, (x, weight) => {
    const logP = p.log(x), logQ = q.log(x), logit = logP - logQ; // of D*
    const inP = weight * Math.exp(logP), inQ = weight * Math.exp(logQ), rest = Math.log1p(Math.exp(-Math.abs(logit)));
    if (inP > 0) (kl += inP * logit), (js += (inP * (LOG_2 + Math.min(logit, 0) - rest)) / 2);
    if (inQ > 0) (reverseKl -= inQ * logit), (js += (inQ * (LOG_2 - Math.max(logit, 0) - rest)) / 2);
    tv += Math.abs(inP - inQ) / 2;
    massP += inP;
    massQ += inQ;
  }, (cell) => {
    const after = before + massP - massQ, low = Math.abs(before), high = Math.abs(after);
    const crossed = before * after < 0; // P - Q is a straight line in the cell
    w1 += (cell * (crossed ? (low * low + high * high) / (low + high) : low + high)) / 2;
    wasserstein += massQ * (after === before ? Math.sign(before) : (high - low) / (after - before)); // of sign(P - Q)
    [before, massP, massQ] = [after, 0, 0];
  });
  return {
    kl: q.covers(p) ? Math.max(kl, 0) : Infinity, reverseKl: p.covers(q) ? Math.max(reverseKl, 0) : Infinity,
    js: Math.max(js, 0), tv, w1, wasserstein: Math.abs(wasserstein) < ROUNDING ? 0 : wasserstein,
  };
}

/** The derivatives of the saturating and the non-saturating loss as q's samples move to the right, D* being held. */
function gradientsOfLosses(p, q) {
  const sums = [0, 0], sizes = [0, 0];
  forEachCell(p, q, FINE, (x, weight) => {
    const logP = p.log(x), logQ = q.log(x), logit = logP - logQ;
    if (!Number.isFinite(logit)) return; // D* is 0 or 1, and flat
    const slope = p.slope(x) - q.slope(x), rest = Math.log1p(Math.exp(-Math.abs(logit)));
    [Math.min(logit, 0) - rest, -Math.max(logit, 0) - rest].forEach((share, i) => { // log D*, log(1 - D*)
      const term = weight * Math.exp(logQ + share) * slope;
      sums[i] -= term;
      sizes[i] += Math.abs(term);
    });
  }, () => {});
  const [saturating, nonSaturating] = sums.map((sum, i) => (Math.abs(sum) <= ROUNDING * sizes[i] ? 0 : sum));
  return { saturating, nonSaturating };
}

/** D*(x) = p / (p + q); NaN where both are 0. */
const optimalDiscriminator = (p, q, x) => 1 / (1 + Math.exp(q.log(x) - p.log(x)));

/** The divergences at distances from 0 to `longest`, close together where they change most. */
function sweep(p, q, longest, n = 64) {
  const jumps = p.flat && q.flat ? [Math.abs(p.width - q.width), p.width + q.width].filter((d) => d > 0 && d < longest) : [];
  const even = Array.from({ length: n + 1 }, (_, i) => longest * (i / n) ** 2);
  const at = (distance) => ({ distance, ...divergences(moved(p, 0), moved(q, distance), COARSE) });
  return [...even, ...jumps].sort((a, b) => a - b).map(at);
}

const moved = ({ kind, width }, centre) => new LineDensity({ kind, centre, width });

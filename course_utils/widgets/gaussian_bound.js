// The bound for a Gaussian q over one number z with the prior N(0, 1), by the trapezoid rule on an even grid.
// Python's ELBOExplorer computes the same from the same numbers.

const LOG_2PI = Math.log(2 * Math.PI);
const PACE = 0.15; // of a natural gradient step; 1 would be Newton's where p(z | x) is a Gaussian
const LONGEST = 0.1; // that a step may move the mean or log σ, so that the eye can follow
const STILL = 1e-8; // squared length of the natural gradient, nats, at which the ascent has arrived

const logNormal = (z, mean, logvar) => -0.5 * (LOG_2PI + logvar + (z - mean) ** 2 / Math.exp(logvar));

/** The terms for one x and one decoder. */
class GaussianBound {
  /** `logLikelihood`: log p(x | z) at points from -reach to reach. */
  constructor(logLikelihood, reach) {
    const n = logLikelihood.length;
    this.logLikelihood = logLikelihood;
    this.spacing = (2 * reach) / (n - 1);
    this.z = Float64Array.from({ length: n }, (_, i) => -reach + i * this.spacing);
    const joint = logLikelihood.map((value, i) => value + logNormal(this.z[i], 0, 0));
    const top = joint.reduce((highest, value) => Math.max(highest, value), -Infinity);
    this.logProb = top + Math.log(this.spacing * joint.reduce((sum, value) => sum + Math.exp(value - top), 0));
    this.logPosterior = joint.map((value) => value - this.logProb);
  }

  /** Sums over the grid of q(z) spacing f(i, z), for functions f; only where q is not 0. */
  expectations(mean, logvar, ...functions) {
    const { z, spacing } = this, sums = functions.map(() => 0), far = 9 * Math.exp(logvar / 2);
    const first = Math.max(0, Math.floor((mean - far - z[0]) / spacing));
    const last = Math.min(z.length - 1, Math.ceil((mean + far - z[0]) / spacing));
    for (let i = first; i <= last; i++) {
      const weight = spacing * Math.exp(logNormal(z[i], mean, logvar));
      for (let k = 0; k < functions.length; k++) sums[k] += weight * functions[k](i, z[i]);
    }
    return sums;
  }

  /** All terms in nats. The gap comes from the two densities, not from the others. */
  terms(mean, logvar) {
    const { logLikelihood, logPosterior, logProb } = this;
    const [reconstruction, gap] = this.expectations(mean, logvar,
      (i) => logLikelihood[i],
      (i, z) => logNormal(z, mean, logvar) - logPosterior[i],
    );
    const kl = 0.5 * (Math.exp(logvar) - 1 - logvar + mean ** 2);
    return { reconstruction, kl, elbo: reconstruction - kl, gap, logProb };
  }

  /** One step up the bound: natural gradient in (mean, log σ), halved until the bound rises; null at the top. */
  step(mean, logvar, meanLimits, logvarLimits) {
    const { logLikelihood } = this, variance = Math.exp(logvar), { reconstruction, elbo } = this.terms(mean, logvar);
    const [byMean, byWidth] = this.expectations(mean, logvar,
      (i, z) => ((logLikelihood[i] - reconstruction) * (z - mean)) / variance,
      (i, z) => (logLikelihood[i] - reconstruction) * ((z - mean) ** 2 / variance - 1),
    );
    const slope = [byMean - mean, byWidth - variance + 1]; // of the bound, in mean and log σ
    if (variance * slope[0] ** 2 + slope[1] ** 2 / 2 < STILL) return null;
    const move = [PACE * variance * slope[0], (PACE * slope[1]) / 2];
    let part = Math.min(1, LONGEST / Math.max(Math.abs(move[0]), Math.abs(move[1])));
    for (let halvings = 0; halvings < 20; halvings++, part /= 2) {
      const next = [within(mean + part * move[0], meanLimits), within(logvar + 2 * part * move[1], logvarLimits)];
      if (this.terms(...next).elbo > elbo) return next;
    }
    return null;
  }
}

// How PixelStepper looks, and its image as far as it is computed.

// Two class names where it departs from the shared style, which every further widget on the page brings again.
const STEPPER_STYLE = GRID_STYLE + `
.course-widget.pixel-stepper .row { margin: 4px 0; gap: 5px 8px; }
.course-widget.pixel-stepper button { box-sizing: border-box; min-height: 30px; padding: 2px 10px; }
.course-widget.pixel-stepper .play { min-width: 66px; }
.course-widget.pixel-stepper .panels { display: grid; gap: 8px 18px; padding: 3px; align-items: start;
  grid-template-columns: minmax(220px, 400px) minmax(200px, 420px); }
.course-widget.pixel-stepper .small { display: grid; gap: 10px; grid-template-columns: 1fr 1fr; margin-top: 10px; }
.pixel-stepper figure { margin: 0; min-width: 0; }
.pixel-stepper figcaption { padding-top: 4px; font-size: 13px; font-variant-numeric: tabular-nums; }
.pixel-stepper .nothing { visibility: hidden; }
.pixel-stepper .numbers { font-variant-numeric: tabular-nums; min-height: 4.2em; }
.pixel-stepper .bar { position: relative; height: 22px; margin: 4px 0; border: 1px solid currentColor; background: #000; overflow: hidden; }
.pixel-stepper .bar .white { position: absolute; inset: 0 auto 0 0; background: #fff; }
.pixel-stepper .bar .coin { position: absolute; top: 0; bottom: 0; width: 4px; margin-left: -2px; background: #E69F00; }
.course-widget.pixel-stepper .examples button { min-width: 0; width: 40px; padding: 2px; }
.pixel-stepper .examples canvas { display: block; width: 100%; image-rendering: pixelated; }
.pixel-stepper .switch { display: inline-flex; gap: 5px; align-items: center; min-height: 28px; }
.pixel-stepper .key { display: inline-block; width: 13px; height: 13px; border: 1px solid currentColor; }
.pixel-stepper .key.field-key { background: #0072B2; }
.pixel-stepper .key.blind-key { background: repeating-linear-gradient(135deg, #D55E00 0 3px, #F0E442 3px 5px); }
.course-widget.pixel-stepper .message { font-size: 13px; }
.pixel-stepper .holder { container-type: inline-size; }
@container (max-width: 520px) { .course-widget.pixel-stepper .panels { grid-template-columns: minmax(0, 400px); } }
`;

/** log p of a pixel's value, from its logit. */
const logProbability = (logit, value) => -Math.log1p(Math.exp(value ? -logit : logit));

/** An image as far as it is computed. */
class Growth {
  constructor(size) {
    this.image = new Float32Array(size);
    this.p = new Float32Array(size); // p(white) of each pixel
    this.logP = new Float64Array(size + 1); // of the first pixels, in nats
    this.count = 0; // pixels
  }

  add(value, logit) {
    const i = this.count++;
    this.image[i] = value;
    this.p[i] = ELEMENTWISE.sigmoid(logit);
    this.logP[i + 1] = this.logP[i] + logProbability(logit, value);
  }

  copy() {
    const { image, p, logP, count } = this;
    return Object.assign(new Growth(0), { image: image.slice(), p: p.slice(), logP: logP.slice(), count });
  }
}

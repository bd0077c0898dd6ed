// A network of PyTorch layers, run in the browser on one input at a time.

const BLOCK = 3; // outputs, and pixels, of a convolution at once: each number that is read serves three sums

/** Numbers that Python sent as 16-bit floats, as 32-bit ones. */
function halfFloats(bytes) {
  const halves = new Uint16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  return Float32Array.from(halves, (half) => {
    const sign = half & 0x8000 ? -1 : 1, exponent = (half >> 10) & 31, fraction = half & 1023;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
}

/** Numbers that Python sent in a precision, "float16" or "float32", as 32-bit floats. */
const unpacked = (bytes, precision) => (precision === "float16" ? halfFloats : floats)(bytes);

/** The error function to 1.2e-7. Source: Press et al., Numerical Recipes, section 6.2.2. */
function erf(x) {
  const t = 1 / (1 + 0.5 * Math.abs(x));
  const series = [1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223, 0.17087277];
  const polynomial = series.reduceRight((sum, coefficient) => coefficient + t * sum, 0);
  const tail = t * Math.exp(-x * x - 1.26551223 + t * polynomial);
  return x < 0 ? tail - 1 : 1 - tail;
}

const ELEMENTWISE = {
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  silu: (x) => x / (1 + Math.exp(-x)),
  tanh: Math.tanh,
  relu: (x) => (x > 0 ? x : 0),
  leaky_relu: (x, { slope }) => (x > 0 ? x : slope * x),
  gelu: (x) => (x * (1 + erf(x / Math.SQRT2))) / 2,
};

/** y = W x + b. */
function linear(x, { inputs, outputs, weight, bias }) {
  const y = new Float32Array(outputs);
  for (let row = 0, at = 0; row < outputs; row++) {
    let sum = bias[row];
    for (let i = 0; i < inputs; i++) sum += weight[at++] * x[i];
    y[row] = sum;
  }
  return y;
}

/** What a kernel sees at each pixel, one row of inputs·kernel² numbers after the other, zeros beyond the edge. */
function patchesOf(x, { inputs, kernel }, [height, width]) {
  const reach = (kernel - 1) / 2, size = height * width, taps = inputs * kernel ** 2;
  const patches = new Float32Array(BLOCK * Math.ceil(size / BLOCK) * taps);
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      for (let i = 0; i < inputs; i++) {
        for (let r = row - reach; r <= row + reach; r++) {
          for (let c = column - reach; c <= column + reach; c++, at++) {
            if (r >= 0 && r < height && c >= 0 && c < width) patches[at] = x[(i * height + r) * width + c];
          }
        }
      }
    }
  }
  return patches;
}

/** A convolution with stride 1 that keeps height and width; x is (inputs, height, width). */
function convolution(x, layer, [height, width]) {
  const { outputs, weight, bias } = layer, size = height * width, y = new Float32Array(outputs * size);
  const patches = patchesOf(x, layer, [height, width]), taps = weight.length / outputs;
  for (let o = 0; o < outputs; o += BLOCK) {
    const [to1, to2] = [1, 2].map((r) => Math.min(r, outputs - 1 - o) * taps); // beyond the last output, that one again
    for (let p = 0; p < size; p += BLOCK) {
      let a0 = 0, a1 = 0, a2 = 0, b0 = 0, b1 = 0, b2 = 0, c0 = 0, c1 = 0, c2 = 0;
      for (let at = o * taps, k = p * taps; at < (o + 1) * taps; at++, k++) {
        const a = weight[at], b = weight[at + to1], c = weight[at + to2];
        const x0 = patches[k], x1 = patches[k + taps], x2 = patches[k + 2 * taps];
        a0 += a * x0;
        a1 += a * x1;
        a2 += a * x2;
        b0 += b * x0;
        b1 += b * x1;
        b2 += b * x2;
        c0 += c * x0;
        c1 += c * x1;
        c2 += c * x2;
      }
      const sums = [a0, a1, a2, b0, b1, b2, c0, c1, c2];
      const rows = Math.min(BLOCK, outputs - o), columns = Math.min(BLOCK, size - p);
      for (let r = 0; r < rows; r++) {
        for (let i = 0; i < columns; i++) y[(o + r) * size + p + i] = sums[r * BLOCK + i] + bias[o + r];
      }
    }
  }
  return y;
}

/** Channels become pixels: (channels r², height, width) to (channels, height r, width r). */
function pixelShuffle(x, factor, [channels, height, width]) {
  const y = new Float32Array(x.length), out = channels / factor ** 2;
  for (let c = 0, at = 0; c < out; c++) {
    for (let row = 0; row < height * factor; row++) {
      for (let column = 0; column < width * factor; column++, at++) {
        const from = c * factor ** 2 + (row % factor) * factor + (column % factor);
        y[at] = x[(from * height + Math.floor(row / factor)) * width + Math.floor(column / factor)];
      }
    }
  }
  return y;
}

/** Pixels become channels, as PyTorch orders them: (channels, height, width) to (channels r², height / r, width / r). */
function pixelUnshuffle(x, factor, [channels, height, width]) {
  const y = new Float32Array(x.length), [rows, columns] = [height / factor, width / factor];
  for (let c = 0, at = 0; c < channels; c++) {
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++, at++) {
        const to = c * factor ** 2 + (row % factor) * factor + (column % factor);
        y[(to * rows + Math.floor(row / factor)) * columns + Math.floor(column / factor)] = x[at];
      }
    }
  }
  return y;
}

/** Channels of two pictures of one size, one after the other. */
function joinedChannels(x, y) {
  const both = new Float32Array(x.length + y.length);
  both.set(x);
  both.set(y, x.length);
  return both;
}

class Network {
  /** Layers as Python describes them; `numbers` holds all weights and biases in that order. */
  constructor(layers, numbers) {
    let at = 0;
    const take = (count) => numbers.subarray(at, (at += count));
    this.layers = layers.map((layer) => {
      if (layer.kind === "linear") return { ...layer, weight: take(layer.inputs * layer.outputs), bias: take(layer.outputs) };
      if (layer.kind !== "convolution") return layer;
      return { ...layer, weight: take(layer.inputs * layer.outputs * layer.kernel ** 2), bias: take(layer.outputs) };
    });
  }

  /** The output for one input, and its shape. */
  run(input, shape = [input.length]) {
    let x = input;
    const kept = []; // what a later layer joins to what it gets, the last one first
    for (const layer of this.layers) {
      if (layer.kind === "linear") {
        x = linear(x, layer);
        shape = [layer.outputs];
      } else if (layer.kind === "convolution") {
        x = convolution(x, layer, shape.slice(1));
        shape = [layer.outputs, ...shape.slice(1)];
      } else if (layer.kind === "pixel_shuffle") {
        x = pixelShuffle(x, layer.factor, shape);
        shape = [shape[0] / layer.factor ** 2, shape[1] * layer.factor, shape[2] * layer.factor];
      } else if (layer.kind === "pixel_unshuffle") {
        x = pixelUnshuffle(x, layer.factor, shape);
        shape = [shape[0] * layer.factor ** 2, shape[1] / layer.factor, shape[2] / layer.factor];
      } else if (layer.kind === "keep") {
        kept.push({ x, channels: shape[0] });
      } else if (layer.kind === "join") {
        const bridge = kept.pop();
        x = joinedChannels(x, bridge.x);
        shape = [shape[0] + bridge.channels, ...shape.slice(1)];
      } else if (layer.kind === "shape") {
        shape = layer.shape;
      } else {
        x = x.map((value) => ELEMENTWISE[layer.kind](value, layer));
      }
    }
    return { data: x, shape };
  }
}

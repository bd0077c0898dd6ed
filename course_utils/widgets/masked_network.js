// PixelCNNs, place by place in raster order: each layer remembers what it has found, so that a pixel costs one small
// product of matrices per layer. What a layer found at a place depends only on pixels before it; so after a change of a
// pixel all that was found up to it stays.

const relu = (x) => x.map(ELEMENTWISE.relu);

function add(x, y, from = 0) {
  for (let i = 0; i < x.length; i++) x[i] += y[from + i];
  return x;
}

/** A convolution at one place of a map, (height, width, inputs): `taps` are the places that it reads, seen from there. */
class Look {
  constructor({ inputs, outputs, taps }, take) {
    Object.assign(this, { inputs, taps, patch: new Float32Array(inputs * taps.length) });
    this.layer = { inputs: inputs * taps.length, outputs, weight: take(outputs * inputs * taps.length), bias: take(outputs) };
    this.bias = this.layer.bias;
  }

  /** What it finds at a place; beyond the edge there are zeros. */
  at(map, [height, width], row, column) {
    const { patch, inputs, taps } = this;
    for (let k = 0; k < taps.length; k++) {
      const r = row + taps[k][0], c = column + taps[k][1], from = (r * width + c) * inputs;
      const inside = r >= 0 && r < height && c >= 0 && c < width;
      for (let i = 0; i < inputs; i++) patch[k * inputs + i] = inside ? map[from + i] : 0;
    }
    return linear(patch, this.layer);
  }

  /** What it finds in the numbers of one place; one whose only tap is hidden by its mask finds nothing. */
  of(x) {
    return linear(x, this.layer);
  }

  /** Add numbers before what follows: what a condition tells. */
  tell(numbers) {
    this.layer.bias = add(Float32Array.from(this.bias), numbers);
  }
}

/** What both kinds share: logits place by place, and where the memory ends. */
class MaskedNetwork {
  /** Layers as Python describes them; `told`: for each class what is added before the gates. */
  constructor(layers, shape, numbers, told) {
    Object.assign(this, { layers, shape, told, size: shape[0] * shape[1], taken: 0 });
    this.take = (count) => numbers.subarray(this.taken, (this.taken += count));
    this.build(layers);
    this.hidden = this.look(layers.hidden);
    this.last = this.look(layers.last);
    this.lastPlace = this.take(this.size);
    this.logits = new Float32Array(this.size);
    this.restart();
  }

  look(described) {
    return new Look(described, this.take);
  }

  map(channels) {
    return new Float32Array(this.size * channels);
  }

  restart() {
    this.done = 0; // places whose logits are known
    this.rows = 0; // rows that the vertical stack has gone over
  }

  /** The pixel at a place has changed. */
  forget(place) {
    this.done = Math.min(this.done, place + 1);
    this.rows = Math.min(this.rows, Math.floor(place / this.shape[1]) + 1);
  }

  /** The logit of a pixel; those before it, in `image`, are final, and their logits were asked for. */
  logitAt(image, place) {
    for (; this.done <= place; this.done++) {
      const row = Math.floor(this.done / this.shape[1]);
      const x = relu(this.hidden.of(relu(this.features(image, row, this.done % this.shape[1]))));
      this.logits[this.done] = this.last.of(x)[0] + this.lastPlace[this.done];
    }
    return this.logits[place];
  }

  /** The numbers of one place in a map, to be read or written. */
  cell(map, row, column) {
    const n = map.length / this.size, at = (row * this.shape[1] + column) * n;
    return map.subarray(at, at + n);
  }
}

/** `autoregressive.PixelCNN`. */
class OneStack extends MaskedNetwork {
  build({ first, blocks }) {
    this.first = this.look(first);
    this.place = this.take(this.size * first.outputs);
    this.blocks = blocks.map(({ narrow, look, widen }) => (
      { narrow: this.look(narrow), look: this.look(look), widen: this.look(widen), map: this.map(look.inputs) }));
  }

  features(image, row, column) {
    const x = add(this.first.at(image, this.shape, row, column), this.cell(this.place, row, column));
    for (const { narrow, look, widen, map } of this.blocks) {
      this.cell(map, row, column).set(relu(narrow.of(relu(x))));
      add(x, widen.of(relu(look.at(map, this.shape, row, column))));
    }
    return x;
  }

  choose() {}
}

/** `autoregressive.GatedPixelCNN`. */
class TwoStacks extends MaskedNetwork {
  build({ above, beside, blocks, tanh }) {
    this.squash = tanh ? Math.tanh : (x) => x;
    this.above = this.look(above);
    this.placeAbove = this.take(this.size * above.outputs);
    this.beside = this.look(beside);
    this.placeBeside = this.take(this.size * beside.outputs);
    this.blocks = blocks.map((block) => ({
      ...Object.fromEntries(["above", "beside", "link", "out"].map((name) => [name, this.look(block[name])])),
      ...{ v: this.map(block.above.inputs), h: this.map(block.above.inputs), links: this.map(block.link.outputs) },
    }));
  }

  /** Take over what a class tells the gates. */
  choose(label) {
    const n = 2 * this.above.layer.outputs; // numbers before each gate
    this.blocks.forEach(({ above, beside }, b) => {
      const at = 2 * n * (label * this.blocks.length + b);
      above.tell(this.told.subarray(at, at + n));
      beside.tell(this.told.subarray(at + n, at + 2 * n));
    });
    this.restart();
  }

  gated(x) {
    const half = x.length / 2;
    return x.subarray(0, half).map((value, i) => this.squash(value) * ELEMENTWISE.sigmoid(x[half + i]));
  }

  /** The vertical stack, one row, with what it tells the horizontal one there. */
  goOver(image, row) {
    const columns = Array.from({ length: this.shape[1] }, (_, column) => column);
    const v = columns.map((c) => add(this.above.at(image, this.shape, row, c), this.cell(this.placeAbove, row, c)));
    for (const block of this.blocks) {
      for (const c of columns) this.cell(block.v, row, c).set(v[c]);
      for (const c of columns) {
        const found = this.gated(block.above.at(block.v, this.shape, row, c));
        this.cell(block.links, row, c).set(block.link.of(found));
        add(v[c], found);
      }
    }
  }

  features(image, row, column) {
    for (; this.rows <= row; this.rows++) this.goOver(image, this.rows);
    const h = add(this.beside.at(image, this.shape, row, column), this.cell(this.placeBeside, row, column));
    for (const block of this.blocks) {
      this.cell(block.h, row, column).set(h);
      const x = add(block.beside.at(block.h, this.shape, row, column), this.cell(block.links, row, column));
      add(h, block.out.of(this.gated(x)));
    }
    return h;
  }
}

const MASKED_NETWORKS = { "one stack": OneStack, "two stacks": TwoStacks };

/** 32 bits, each of which depends on all bits of what came. Source: Appleby (2011), MurmurHash3, its last step. */
function mixed(h) {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** The uniform numbers in [0, 1) that decide n pixels, each from the seed and the place alone, as Python has them. */
function coinsOf(seed, n) {
  const start = mixed(seed + 0x9e3779b9);
  return Float64Array.from({ length: n }, (_, place) => mixed(start + place) / 2 ** 32);
}

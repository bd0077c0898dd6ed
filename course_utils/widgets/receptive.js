// Which pixels the logit of one pixel can depend on, whatever the weights: the layers' taps, followed from the last layer
// back to the image. A set of places is an array with a 1 for each that is in it.

/** All places that some places read through a layer. */
function readBy(places, { taps }, [height, width]) {
  const read = new Uint8Array(places.length);
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++, at++) {
      if (!places[at]) continue;
      for (const [down, right] of taps) {
        const r = row + down, c = column + right;
        if (r >= 0 && r < height && c >= 0 && c < width) read[r * width + c] = 1;
      }
    }
  }
  return read;
}

const united = (a, b) => a.map((one, i) => one | b[i]);
const countOf = (places) => places.reduce((sum, one) => sum + one, 0);

/** One block, backwards: the places that are needed before it, of each stack. */
const BACK = {
  "one stack": ([x], { look }, shape) => [united(x, readBy(x, look, shape))],
  "two stacks": ([h, v], { above, beside }, shape) => [
    united(h, readBy(h, beside, shape)),
    united(v, readBy(united(h, v), above, shape)),
  ],
};

/** The first layer, backwards: pixels. */
const FIRST = {
  "one stack": ([x], { first }, shape) => readBy(x, first, shape),
  "two stacks": ([h, v], { above, beside }, shape) => united(readBy(h, beside, shape), readBy(v, above, shape)),
};

/** What stacks of a network read through all its blocks. */
const backThrough = ({ kind, blocks }, shape, stacks) => blocks.reduceRight((read, block) => BACK[kind](read, block, shape), stacks);

/** What the stacks need at a place, before the blocks. */
function stacksBehind(layers, shape, place) {
  const none = new Uint8Array(shape[0] * shape[1]), here = none.slice();
  here[place] = 1;
  return backThrough(layers, shape, [here, none]);
}

/** Pixels that one pixel's logit can depend on. */
function receptiveFieldOf(layers, shape, place) {
  return FIRST[layers.kind](stacksBehind(layers, shape, place), layers, shape);
}

/** Pixels before one that it does not see: `far` ones, which more of the same blocks would reach, and `blind` ones, which no number would. */
function unseenBy(layers, shape, place) {
  const total = (stacks) => stacks.reduce((sum, one) => sum + countOf(one), 0);
  let stacks = stacksBehind(layers, shape, place);
  const field = FIRST[layers.kind](stacks, layers, shape);
  for (let before = 0; layers.blocks.length && total(stacks) > before; ) {
    before = total(stacks);
    stacks = backThrough(layers, shape, stacks);
  }
  const ever = layers.blocks.length ? FIRST[layers.kind](stacks, layers, shape) : field;
  const where = (holds) => field.map((_, at) => (at < place && holds(at) ? 1 : 0));
  return { far: where((at) => ever[at] && !field[at]), blind: where((at) => !ever[at]) };
}

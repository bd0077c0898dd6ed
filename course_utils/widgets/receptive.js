// Which pixels the logit of one pixel can depend on, whatever the weights: the layers' taps, followed from the last layer
// back to the image. A set of places is an array with a 1 for each that is in it.

/** All places that some places read through a layer. */
function readBy(places, { taps }, [height, width]) {
  const read = new Uint8Array(places.length);
  for (let at = 0; at < places.length; at++) {
    if (!places[at]) continue;
    for (const [down, right] of taps) {
      const r = Math.floor(at / width) + down, c = (at % width) + right;
      if (r >= 0 && r < height && c >= 0 && c < width) read[r * width + c] = 1;
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

/**
 * Pixels that one pixel's logit can depend on: `field`. And those before it that it does not see: `far` ones, which more
 * blocks of the same kind would reach, and `blind` ones, which no number of blocks would.
 */
function receptiveFieldOf(layers, shape, place) {
  const { kind, blocks } = layers, size = shape[0] * shape[1], here = new Uint8Array(size);
  here[place] = 1;
  const goBack = (stacks) => blocks.reduceRight((read, block) => BACK[kind](read, block, shape), stacks);
  const pixels = (stacks) => FIRST[kind](stacks, layers, shape);
  const total = (stacks) => stacks.reduce((sum, one) => sum + countOf(one), 0);
  let stacks = goBack([here, new Uint8Array(size)]);
  const field = pixels(stacks);
  for (let before = 0; blocks.length && total(stacks) > before; ) {
    before = total(stacks);
    stacks = goBack(stacks);
  }
  const ever = pixels(stacks), isBefore = (_, at) => at < place;
  const unseen = (seen) => Uint8Array.from(seen, (one, at) => (isBefore(one, at) && !one ? 1 : 0));
  const blind = unseen(ever);
  return { field, blind, far: unseen(united(field, blind)) };
}

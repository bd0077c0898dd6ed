// Captions in the browser: their words as numbers, a caption made of choices, and the two readers of words that Python
// can send, a GRU and a bag of words.

const MAX_DISTANCE = 2; // changes of a letter that make a known word the one that was meant

/** The words of a caption, as Python's Vocabulary finds them. */
const wordsOf = (caption) => caption.toLowerCase().match(/[a-z]+/g) ?? [];

/** How many letters must be changed, added or removed to make one word of the other. */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const above = row;
    row = [i];
    for (let j = 1; j <= b.length; j++) row[j] = Math.min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] !== b[j - 1]));
  }
  return row[b.length];
}

/** What is wrong with a caption, or "". */
function problemOf(caption, known) {
  const words = wordsOf(caption), unknown = words.filter((word) => !known.includes(word));
  if (!words.length) return `Type a caption. The words known are: ${known.join(", ")}.`;
  if (!unknown.length) return "";
  const word = unknown[0], more = unknown.slice(1).map((other) => `, “${other}”`).join("");
  const begun = known.filter((other) => other.startsWith(word));
  if (begun.length && !more) return `“${word}” is not a whole word yet: ${begun.join(", ")}?`;
  const near = known
    .map((other) => [distance(word, other), other])
    .filter(([steps, other]) => steps <= MAX_DISTANCE && steps < Math.max(word.length, other.length) - 1)
    .sort(([a], [b]) => a - b)
    .map(([, other]) => other);
  const meant = near.length ? ` Did you mean ${near.slice(0, 3).join(" or ")}?` : "";
  return `Unknown word${more ? "s" : ""}: “${word}”${more}.${meant} The words known are: ${known.join(", ")}.`;
}

/** Which option of each kind a caption names: an index for each kind, -1 for none. An option is a list of synonyms. */
function choicesIn(caption, choices) {
  const text = ` ${wordsOf(caption).join(" ")} `;
  const names = (phrase) => text.includes(` ${wordsOf(phrase).join(" ")} `);
  return choices.map(([, options]) => options.findIndex((synonyms) => synonyms.some(names)));
}

/** A sentence with its places {kind} filled; what stands in [brackets] falls if no place in it is filled. */
function captionOf(sentence, choices, chosen) {
  const fill = (text) => choices.reduce((filled, [kind, options], i) => {
    const place = `{${kind}}`, value = options[chosen[i]]?.[0] ?? "";
    if (!value) filled = filled.replace(`${place} and `, place).replace(` and ${place}`, place);
    return filled.replaceAll(place, value);
  }, text);
  const empty = (part) => choices.every(([kind], i) => chosen[i] < 0 || !part.includes(`{${kind}}`));
  const kept = sentence.replace(/\[([^\]]*)\]/g, (_, part) => (empty(part) ? "" : part));
  return fill(kept).replace(/\s+/g, " ").replace(/ ([,;.])/g, "$1").trim();
}

/** The sum of the words' vectors. */
class BagOfWords {
  constructor({ n_words, dim }, numbers) {
    Object.assign(this, { dim, table: numbers.subarray(0, n_words * dim) });
  }

  read(words) {
    const { dim, table } = this, sum = new Float32Array(dim);
    for (const word of words) for (let i = 0; i < dim; i++) sum[i] += table[word * dim + i];
    return sum;
  }
}

/** A gated recurrent unit, whose state after the last word is the result; PyTorch's gates r, z, n, in this order. */
class WordGRU {
  constructor({ n_words, embedding_dim, dim }, numbers) {
    let at = 0;
    const take = (count) => numbers.subarray(at, (at += count));
    Object.assign(this, { dim, embedding_dim, table: take(n_words * embedding_dim) });
    const weights = [embedding_dim, dim].map((inputs) => ({ inputs, outputs: 3 * dim, weight: take(3 * dim * inputs) }));
    [this.fromWord, this.fromState] = weights.map((layer) => ({ ...layer, bias: take(3 * dim) }));
  }

  read(words) {
    const { dim, embedding_dim, table } = this;
    let state = new Float32Array(dim);
    for (const word of words) {
      const x = linear(table.subarray(word * embedding_dim, (word + 1) * embedding_dim), this.fromWord);
      const h = linear(state, this.fromState);
      state = state.map((old, i) => {
        const r = ELEMENTWISE.sigmoid(x[i] + h[i]), z = ELEMENTWISE.sigmoid(x[dim + i] + h[dim + i]);
        return (1 - z) * Math.tanh(x[2 * dim + i] + r * h[2 * dim + i]) + z * old;
      });
    }
    return state;
  }
}

const READERS = { gru: WordGRU, bag: BagOfWords };

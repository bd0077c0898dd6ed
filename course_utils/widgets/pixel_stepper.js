// PixelStepper: an image grows pixel by pixel, computed here. What it looks like follows from the traits alone: the model,
// its class, the seed of the coins, and the pixels that are kept; `position` says how many of it are drawn.

const FRAME_BUDGET = 6; // milliseconds in one frame for pixels
const LONGEST_FRAME = 100; // milliseconds that playing makes up for, after a pause of the page
const HOW = "Click a pixel to change it; what comes after it is drawn anew, with the same coins. By keys: arrows move, Space changes.";

const byteView = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
const nats = (value) => minus(value.toFixed(1)) + " nats";

class Stepper {
  constructor(model, el) {
    this.model = model;
    this.shape = model.get("_shape");
    this.size = this.shape[0] * this.shape[1];
    this.images = byteView(model.get("_images"));
    const numbers = model.get("_networks_numbers"), told = model.get("_told"), precision = model.get("precision");
    this.networks = model.get("_networks").map((layers, k) =>
      new MASKED_NETWORKS[layers.kind](layers, this.shape, unpacked(numbers[k], precision), floats(told[k])));
    this.growth = new Growth(this.size);
    this.playing = false;
    this.notice = HOW;
    this.build(el);
    const follow = () => this.follow(), redraw = () => this.redraw();
    this.listeners = { "change:position": redraw, "change:speed": follow, "change:show_field": follow, "change:show_blind_spot": follow };
    for (const name of ["given", "seed", "label", "model_name"]) this.listeners[`change:${name}`] = follow;
    for (const [event, listener] of Object.entries(this.listeners)) model.on(event, listener);
    this.follow();
  }

  close() {
    cancelAnimationFrame(this.frame);
    for (const [event, listener] of Object.entries(this.listeners)) this.model.off(event, listener);
  }

  // ---- the page

  build(el) {
    const root = (this.root = widgetRoot(el, "pixel-stepper", "an image, pixel by pixel", STEPPER_STYLE));
    root.stepper = this; // for tests
    this.buildControls(element(root, "div", { class: "row" }));
    this.buildChoices(element(root, "div", { class: "row" }));
    const panels = element(element(root, "div", { class: "holder" }), "div", { class: "panels" });
    const [height, width] = this.shape, main = element(panels, "figure");
    const label = `image, ${height} by ${width} pixels: arrows move the cursor, Space changes a pixel`;
    this.grid = new PixelGrid(main, this.shape, { label, choose: (place) => this.click(place), move: (place) => this.tell(place) });
    this.progress = element(main, "figcaption");
    const side = element(panels, "div");
    this.bar = element(side, "div", { class: "bar", "aria-hidden": "true" });
    this.white = element(this.bar, "div", { class: "white" });
    this.coin = element(this.bar, "div", { class: "coin" });
    this.numbers = element(side, "div", { class: "numbers" });
    this.switches = [["show_field", "field-key", "receptive field"], ["show_blind_spot", "blind-key", "blind spot"]].map((one) => this.buildSwitch(side, ...one));
    this.seen = element(side, "div", { class: "numbers" });
    const small = element(side, "div", { class: "small" });
    this.map = this.buildFigure(small, "p(white) of each pixel, when it was drawn");
    this.before = this.buildFigure(small, "before the last change");
    this.message = element(root, "div", { class: "message", role: "status" });
  }

  buildControls(row) {
    const stepBy = (by) => () => this.goTo(this.model.get("position") + by);
    addButton(row, "Restart", "an empty image", () => this.restart());
    addButton(row, "Back", "one pixel back", stepBy(-1));
    this.playButton = addButton(row, "Play", "play or pause", () => (this.playing ? this.pause() : this.play()));
    this.playButton.classList.add("play");
    addButton(row, "Step", "draw one pixel", stepBy(1));
    addButton(row, "To the end", "draw all pixels", () => this.goTo(this.size));
    const speeds = this.model.get("_speeds");
    this.speed = addSelect(row, "Pixels per second", "pixels per second", speeds, (value) => this.put({ speed: Number(value) }));
  }

  buildChoices(row) {
    const names = this.model.get("names"), classes = this.model.get("classes");
    if (names.length > 1) this.pickModel = addSelect(row, "Model", "model", names, (name) => this.put({ model_name: name }));
    if (classes.length) this.pickClass = addSelect(row, "Class", "class", classes, () => this.put({ label: this.pickClass.selectedIndex }));
    addButton(row, "New coins", "a new seed for the coins that decide the pixels", () => this.put({ seed: Math.floor(1e6 * Math.random()) }));
    this.seed = element(row, "span", { class: "seed" });
    const group = element(row, "div", { class: "row examples", role: "group", "aria-label": "images to begin with" });
    for (let i = 0; i * this.size < this.images.length; i++) {
      const data = this.images.subarray(i * this.size, (i + 1) * this.size);
      const button = addButton(group, "", `begin with image ${i + 1}`, () => this.begin(Array.from(data)));
      showPicture(element(button, "canvas", { "aria-hidden": "true" }), { data, shape: this.shape });
    }
  }

  buildSwitch(parent, trait, key, name) {
    const label = element(parent, "label", { class: "switch" }), box = element(label, "input", { type: "checkbox" });
    element(label, "span", { class: `key ${key}`, "aria-hidden": "true" });
    element(label, "span", {}, name + " ");
    box.addEventListener("change", () => this.put({ [trait]: box.checked }));
    return { trait, box };
  }

  buildFigure(parent, name) {
    const figure = element(parent, "figure"), canvas = element(figure, "canvas", { class: "grown", role: "img", "aria-label": name });
    canvas.style.aspectRatio = `${this.shape[1]} / ${this.shape[0]}`;
    return { figure, canvas, text: element(figure, "figcaption", {}, name) };
  }

  // ---- what the learner does

  /** Set traits, here and in Python. */
  put(values) {
    this.model.set(values);
    this.model.save_changes();
  }

  say(text) {
    this.notice = text;
    this.redraw();
  }

  goTo(position) {
    this.pause();
    this.put({ position: within(position, [0, this.size]) });
  }

  restart() {
    this.pause();
    this.put({ given: [], position: 0 });
    this.last = null;
    this.say(HOW);
  }

  begin(image) {
    this.pause();
    this.put({ given: image, position: this.size });
    this.say(HOW);
  }

  play() {
    if (this.model.get("position") >= this.size) this.put({ given: [], position: 0 });
    Object.assign(this, { playing: true, owed: 0, time: performance.now() });
    this.redraw();
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    this.model.save_changes(); // Python hears of the position when the image rests
    this.redraw();
  }

  /** A pixel that is drawn is changed, and the image drawn on from there; towards one that is not, the image is drawn. */
  click(place) {
    const { image, count } = this.growth, where = this.nameOf(place);
    if (place >= Math.min(count, this.model.get("position"))) {
      this.goTo(place + 1);
      return this.say(`Drawn up to ${where}.`);
    }
    const value = 1 - image[place];
    this.put({ given: [...image.subarray(0, place), value], position: place + 1 });
    this.say(`${where} is ${value ? "white" : "black"} now; what comes after it is drawn anew.`);
    if (place + 1 < this.size) this.play();
  }

  tell(place) {
    const { growth } = this, isDrawn = place < Math.min(growth.count, this.model.get("position"));
    const what = isDrawn ? `${growth.image[place] ? "white" : "black"}, p(white) was ${growth.p[place].toFixed(3)}; Space changes it` : "not drawn yet; Space draws up to it";
    this.say(`${this.nameOf(place)}: ${what}.`);
  }

  nameOf(place) {
    return `Row ${Math.floor(place / this.shape[1]) + 1}, column ${(place % this.shape[1]) + 1}`;
  }

  // ---- the image

  /** The traits were set: here, in another view, or in Python. Keep of the image what they leave as it is. */
  follow() {
    const { model, growth } = this, given = model.get("given"), seed = model.get("seed");
    const chosen = `${model.get("model_name")} ${model.get("label")}`, { wanted } = this;
    let kept = growth.count;
    if (wanted?.chosen !== chosen) {
      this.network = this.networks[model.get("names").indexOf(model.get("model_name"))];
      if (this.network.told.length) this.network.choose(model.get("label"));
      this.network.restart();
      kept = 0;
    } else {
      if (wanted.seed !== seed) kept = Math.min(kept, given.length);
      const changed = growth.image.findIndex((value, i) => (i < given.length ? given[i] !== value : i < wanted.given.length));
      if (changed >= 0) kept = Math.min(kept, changed);
    }
    if (wanted?.seed !== seed) this.coins = coinsOf(seed, this.size);
    this.wanted = { chosen, seed, given };
    if (kept < growth.count) {
      this.last = growth.copy();
      growth.count = kept;
      this.network.forget(kept);
    }
    this.showChoices();
    this.redraw();
  }

  showChoices() {
    const { model } = this;
    this.speed.value = model.get("speed");
    if (this.pickModel) this.pickModel.value = model.get("model_name");
    if (this.pickClass) this.pickClass.selectedIndex = model.get("label");
    this.seed.textContent = `seed ${model.get("seed")}`;
    for (const { trait, box } of this.switches) box.checked = model.get(trait);
  }

  /** Compute the image up to a position, for at most some milliseconds; whether it is there. */
  grow(position, budget) {
    const { growth, network, coins, wanted } = this, start = performance.now();
    while (growth.count < position) {
      const i = growth.count, logit = network.logitAt(growth.image, i);
      growth.add(i < wanted.given.length ? wanted.given[i] : Number(coins[i] < ELEMENTWISE.sigmoid(logit)), logit);
      if (performance.now() - start > budget) return growth.count === position;
    }
    return true;
  }

  /** How far playing has come in this frame. */
  advance() {
    const { model } = this, now = performance.now(), from = model.get("position");
    this.owed += (Math.min(now - this.time, LONGEST_FRAME) * model.get("speed")) / 1000;
    this.time = now;
    const steps = Math.floor(this.owed);
    this.owed -= steps;
    this.grow(Math.min(from + steps, this.size), FRAME_BUDGET);
    const position = Math.max(from, Math.min(this.growth.count, from + steps, this.size));
    if (position !== from) model.set({ position }); // other views follow, Python hears of it in the end
    if (position >= this.size) this.pause();
  }

  // ---- drawing

  redraw() {
    this.frame ||= requestAnimationFrame(() => this.draw());
    this.root.dataset.waiting = "true"; // for tests: a frame is still to come
  }

  draw() {
    if (this.playing) this.advance();
    this.frame = 0;
    const { growth, model } = this, position = model.get("position");
    const isThere = this.grow(position, FRAME_BUDGET), count = Math.min(position, growth.count);
    const { given } = this.wanted, isNext = isThere && count < this.size;
    this.grid.show(growth.image, count, { next: isNext ? count : -1, hand: given.length <= count ? given.length - 1 : -1 });
    showGrown(this.map.canvas, growth.p, count, this.shape);
    if (isThere) this.cover(Math.min(count, this.size - 1));
    this.describe(count, isNext);
    this.compare();
    if (this.message.textContent !== this.notice) this.message.textContent = this.notice;
    this.root.dataset.drawn = Number(this.root.dataset.drawn ?? 0) + 1; // for tests: how often
    delete this.root.dataset.waiting;
    if (!isThere || this.playing) this.redraw();
  }

  /** The receptive field of a pixel and its blind spot, as far as they are to be seen. */
  cover(place) {
    const { model, shape } = this, [showsField, showsBlind] = this.switches.map(({ trait }) => model.get(trait));
    const key = `${model.get("model_name")} ${place} ${showsField} ${showsBlind}`;
    if (this.covered === key) return;
    this.covered = key;
    const field = showsField && receptiveFieldOf(this.network.layers, shape, place);
    const { far, blind } = showsBlind ? unseenBy(this.network.layers, shape, place) : {};
    this.grid.cover({ field, blind });
    const which = `Of the ${place} pixels before it, the ${place === this.size - 1 ? "last" : "next"} one `;
    const seen = field ? `sees ${countOf(field)}` : "", unseen = blind ? `has ${countOf(blind)} in its blind spot; ${countOf(far)} are too far away for these layers` : "";
    this.seen.textContent = seen || unseen ? `${which}${[seen, unseen].filter(Boolean).join(", ")}.` : "";
  }

  describe(count, isNext) {
    const { growth, wanted, coins } = this, word = this.playing ? "Pause" : "Play";
    if (this.playButton.textContent !== word) this.playButton.textContent = word;
    const name = count === this.size ? "log p(x)" : `log p of these ${count}`;
    this.progress.textContent = `${count} of ${this.size} pixels; ${name} = ${nats(growth.logP[count])}`;
    this.bar.classList.toggle("nothing", !isNext);
    if (!isNext) return void (this.numbers.textContent = count === this.size ? "All pixels are drawn. Click one to change it." : "");
    const p = ELEMENTWISE.sigmoid(this.network.logitAt(growth.image, count)), isGiven = count < wanted.given.length;
    this.white.style.width = `${100 * p}%`;
    this.coin.style.left = `${100 * coins[count]}%`;
    const colour = (isGiven ? wanted.given[count] : coins[count] < p) ? "white" : "black";
    const why = isGiven ? `It is kept: ${colour}.` : `Its coin, ${coins[count].toFixed(3)}, makes it ${colour}.`;
    this.numbers.textContent = `Next: ${this.nameOf(count).toLowerCase()}. p(white | before) = ${p.toFixed(3)}. ${why}`;
  }

  compare() {
    const { last } = this, { figure, canvas, text } = this.before;
    figure.classList.toggle("nothing", !last);
    if (!last || canvas.growth === last) return;
    canvas.growth = last;
    showGrown(canvas, last.image, last.count, this.shape);
    text.textContent = `before the last change: ${last.count} pixels, ${nats(last.logP[last.count])}`;
  }
}

function render({ model, el }) {
  const stepper = new Stepper(model, el);
  return () => stepper.close();
}

export default { render };

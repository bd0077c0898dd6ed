// CaptionExplorer: a caption to type or to choose, and pictures of it for several z: drawn here if Python could send the
// model, else by messages to Python, of which only the latest caption counts.

const BUDGET = 8; // milliseconds of drawing in one frame
const PAUSE = 1500; // milliseconds without typing that end a change of words
const KEPT = 128; // pictures that need not be drawn again
const NO_MODEL = NO_ANSWER + "Pictures of new captions wait for it; run the cell again.";
const HINT = "Click a picture to pin its z. Then change words: here you see what they change, and what stays.";

// Two class names where it departs from the shared style, which every further widget on the page brings again.
const STYLE = `
.course-widget.caption-explorer { box-sizing: border-box; padding: 5px; }
.course-widget.caption-explorer .row { margin: 4px 0; gap: 5px 8px; }
.course-widget.caption-explorer :is(button, select, input) { box-sizing: border-box; min-height: 30px; padding: 2px 8px; }
.caption-explorer .words { flex: 1 1 320px; display: flex; gap: 8px; align-items: center; }
.caption-explorer input[type=text] { flex: 1 1 120px; min-width: 0; font: inherit; font-size: 16px; color: inherit;
  background: var(--jp-layout-color1, #fff); border: 1px solid var(--jp-border-color0, #999); border-radius: 4px; }
.caption-explorer input[aria-invalid=true] { border: 2px dashed #D55E00; }
.caption-explorer select { max-width: 11em; }
.course-widget.caption-explorer .choices { display: grid; grid-template-columns: repeat(auto-fit, minmax(84px, 1fr)); max-width: 840px; }
.caption-explorer .choices label { display: flex; flex-direction: column; font-size: 12px; }
.caption-explorer .choices select { font-size: 14px; min-width: 0; }
.course-widget.caption-explorer .message { min-height: 2.8em; font-size: 13px; }
.caption-explorer .panels { align-items: flex-start; }
.caption-explorer .pictures { flex: 3 1 280px; display: grid; grid-template-columns: repeat(auto-fill, minmax(max(70px, 22%), 1fr)); gap: 8px;
  min-width: 0; max-width: 480px; }
.course-widget.caption-explorer .pictures button { padding: 3px; border: 2px solid transparent; border-radius: 6px; font-size: 12px; line-height: 1.3; }
.course-widget.caption-explorer .pictures button[aria-pressed=true] { border-color: currentColor; font-weight: 700; }
.caption-explorer canvas { display: block; width: 100%; aspect-ratio: 1; image-rendering: pixelated; background: #888; }
.caption-explorer .pin { flex: 2 1 260px; min-width: 0; max-width: 420px; display: flex; gap: 12px; }
.caption-explorer .pin figure { flex: 1 1 0; min-width: 0; margin: 0; }
.caption-explorer .pin figcaption { font-size: 13px; overflow-wrap: anywhere; }
.caption-explorer [hidden] { display: none; }
`;

class Explorer {
  constructor(model, el) {
    this.model = model;
    this.known = model.get("_words");
    this.numberOf = new Map(this.known.map((word, i) => [word, i + 1]));
    this.choices = model.get("_choices");
    this.cache = new Map(); // pictures by their words and z
    this.remote = new Remote(model, () => {
      this.silent = true;
      this.redraw();
    });
    this.asked = {}; // the last question to Python of each kind: it is not asked again in every frame
    this.readModel();
    this.build(el);
    this.listeners = { "change:caption": () => this.follow() };
    for (const name of ["z", "pinned", "error", "_shown", "_before"]) this.listeners[`change:${name}`] = () => this.redraw();
    for (const [event, listener] of Object.entries(this.listeners)) model.on(event, listener);
    this.follow();
  }

  close() {
    cancelAnimationFrame(this.frame);
    this.remote.close();
    for (const [event, listener] of Object.entries(this.listeners)) this.model.off(event, listener);
  }

  readModel() {
    const { model } = this, layers = model.get("_network"), reader = model.get("_reader");
    if (!layers) return;
    const [network, words] = ["_network_numbers", "_reader_numbers"].map((name) => unpacked(model.get(name), model.get("precision")));
    this.network = new Network(layers, network);
    this.reader = new READERS[reader.kind](reader, words);
  }

  // ---- the page

  build(el) {
    const root = (this.root = widgetRoot(el, "caption-explorer", "explorer of captions", STYLE));
    root.explorer = this; // for tests
    const top = element(root, "div", { class: "row" });
    const label = element(top, "label", { class: "words" }, "Caption ");
    this.input = element(label, "input", { type: "text", maxlength: 500, autocomplete: "off", spellcheck: "false", "aria-label": "caption" });
    this.input.addEventListener("input", () => this.type());
    // JupyterLab would take Shift and a letter; Shift+Enter runs the cell, as everywhere.
    this.input.addEventListener("keydown", (event) => event.key !== "Enter" && event.stopPropagation());
    addButton(top, "New z", "draw new z for all pictures but the pinned one", () => this.drawZ());
    const examples = this.model.get("_examples");
    const pick = addSelect(top, "", "an example of a caption", ["Examples", ...examples], (value) => {
      pick.selectedIndex = 0;
      if (examples.includes(value)) this.say(value);
    });
    const menus = element(root, "div", { class: "row choices" });
    this.menus = this.choices.map(([kind, options]) =>
      addSelect(menus, kind, `choose: ${kind}`, ["any", ...options.map(([first]) => first)], () => this.choose()));
    this.message = element(root, "div", { class: "message", role: "status" });

    const panels = element(root, "div", { class: "panels" });
    const pictures = element(panels, "div", { class: "pictures", role: "group", "aria-label": "pictures of the caption" });
    this.slots = this.model.get("z").map((_, i) => this.buildPicture(pictures, i));
    this.pin = element(panels, "div", { class: "pin" });
    this.hint = element(this.pin, "div", {}, HINT);
    [this.before, this.now] = ["before", "now"].map((when) => {
      const figure = element(this.pin, "figure"), canvas = element(figure, "canvas", { role: "img" });
      return { when, figure, canvas, text: element(figure, "figcaption") };
    });
  }

  buildPicture(parent, i) {
    const button = addButton(parent, "", "", () => this.choosePin(i)), canvas = element(button, "canvas", { "aria-hidden": "true" });
    listenToArrows(button, (by) => this.slots[(i + by + 10 * this.slots.length) % this.slots.length].button.focus());
    return { button, canvas, text: element(button, "span") };
  }

  // ---- words and z

  /** Set traits, here and in Python. */
  put(values) {
    if (this.silent) this.asked = {}; // whatever the learner does is one more try
    this.model.set(values);
    this.model.save_changes();
  }

  /** The traits that follow from a caption: what is shown, if its words are known, and what was before. */
  adopted(caption, { goesOn = false } = {}) {
    const shown = this.model.get("_shown");
    if (problemOf(caption, this.known) || String(wordsOf(caption)) === String(wordsOf(shown))) return {};
    return goesOn ? { _shown: caption } : { _shown: caption, _before: shown };
  }

  /** What is typed without a pause is one change of words. */
  type() {
    const now = performance.now(), goesOn = now - this.typed < PAUSE && this.changed;
    this.typed = now;
    const adopted = this.adopted(this.input.value, { goesOn });
    this.changed = goesOn || "_shown" in adopted;
    this.put({ caption: this.input.value, ...adopted });
  }

  say(caption) {
    this.put({ caption, ...this.adopted(caption) });
  }

  choose() {
    this.say(captionOf(this.model.get("sentence"), this.choices, this.menus.map((menu) => menu.selectedIndex - 1)));
  }

  /** A caption was set: here, in another view, or in Python. */
  follow() {
    const caption = this.model.get("caption"), adopted = this.adopted(caption);
    if (this.input.value !== caption) this.input.value = caption;
    this.problem = problemOf(caption, this.known);
    if ("_shown" in adopted) this.put(adopted);
    choicesIn(this.model.get("_shown"), this.choices).forEach((index, i) => (this.menus[i].selectedIndex = index + 1));
    this.redraw();
  }

  drawZ() {
    const { model } = this, pinned = model.get("pinned");
    this.put({ z: model.get("z").map((row, i) => (i === pinned ? row : row.map(normal))) });
  }

  choosePin(i) {
    this.put({ pinned: this.model.get("pinned") === i ? -1 : i });
  }

  // ---- pictures

  /** The picture of a caption and a z, if it is there already. */
  find(caption, z) {
    return this.cache.get(`${wordsOf(caption)}|${z}`);
  }

  keep(caption, z, picture) {
    this.cache.set(`${wordsOf(caption)}|${z}`, picture);
    if (this.cache.size > KEPT) this.cache.delete(this.cache.keys().next().value);
    return picture;
  }

  /** The numbers of a caption, that the network reads beside z. */
  read(caption) {
    return this.reader.read(wordsOf(caption).map((word) => this.numberOf.get(word)));
  }

  compute(caption, z) {
    if (this.readCaption !== caption) [this.readCaption, this.numbers] = [caption, this.read(caption)];
    const input = new Float32Array(z.length + this.numbers.length);
    input.set(z);
    input.set(this.numbers, z.length);
    return this.keep(caption, z, this.network.run(input));
  }

  /** Ask Python for pictures of one caption, unless it was just asked for the same. */
  ask(slot, caption, rows) {
    const question = `${wordsOf(caption)}|${rows.join("|")}`;
    if (this.asked[slot] === question) return;
    this.asked[slot] = question;
    const then = (data, shape) => {
      const size = data.length / rows.length;
      rows.forEach((z, i) => this.keep(caption, z, { data: data.subarray(i * size, (i + 1) * size), shape }));
      this.silent = false;
      this.asked[slot] = "";
      this.redraw();
    };
    this.remote.ask(slot, "pictures", rows.flat(), then, { caption });
  }

  // ---- drawing

  redraw() {
    this.frame ||= requestAnimationFrame(() => this.draw());
    this.root.dataset.waiting = "true"; // for tests: a frame is still to come
  }

  draw() {
    this.frame = 0;
    const { model } = this, z = model.get("z"), pinned = model.get("pinned");
    const shown = model.get("_shown"), before = model.get("_before");
    const wanted = this.slots.map(({ canvas }, i) => ({ slot: "pictures", canvas, caption: shown, z: z[i] }));
    if (pinned >= 0) {
      const { canvas } = this.now;
      wanted.unshift({ ...wanted[pinned], canvas }); // drawn first
      if (before) wanted.push({ slot: "before", canvas: this.before.canvas, caption: before, z: z[pinned] });
    }
    this.describe(shown, before, pinned);
    this.show(wanted);
    const text = this.problem || (this.silent ? NO_MODEL : this.network ? "" : model.get("error"));
    if (this.message.textContent !== text) this.message.textContent = text;
    set(this.input, { "aria-invalid": Boolean(this.problem) });
  }

  /** Show the pictures that are there, and get the others: some in this frame, or by a question to Python. */
  show(wanted) {
    const start = performance.now(), missing = [];
    let news = false;
    for (const { slot, canvas, caption, z } of wanted) {
      let picture = this.find(caption, z);
      if (!picture && this.network && performance.now() - start < BUDGET) picture = this.compute(caption, z);
      if (!picture) missing.push({ slot, caption, z });
      else if (canvas.picture !== picture) {
        canvas.picture = picture; // for tests too: the numbers behind the pixels
        showPicture(canvas, picture);
        news = true;
      }
    }
    if (news) this.root.dataset.drawn = Number(this.root.dataset.drawn ?? 0) + 1; // for tests: how often
    delete this.root.dataset.waiting;
    if (!missing.length) return;
    if (this.network) return this.redraw();
    for (const slot of ["pictures", "before"]) {
      const rows = missing.filter((one) => one.slot === slot);
      if (rows.length) this.ask(slot, rows[0].caption, [...new Set(rows.map(({ z }) => z))]);
    }
  }

  describe(shown, before, pinned) {
    this.slots.forEach(({ button, text }, i) => {
      const isPinned = i === pinned;
      set(button, { "aria-pressed": isPinned, "aria-label": `picture ${i + 1} of “${shown}”: ${isPinned ? "unpin" : "pin"} its z` });
      button.title = isPinned ? "unpin this z" : "pin this z";
      text.textContent = isPinned ? `z ${i + 1}, pinned` : `z ${i + 1}`;
    });
    this.hint.hidden = pinned >= 0;
    this.tell(this.now, shown, before, pinned);
    this.tell(this.before, before, shown, pinned);
  }

  /** One of the large pictures, with its caption; words that the other has not are bold. */
  tell({ when, figure, canvas, text }, caption, other, pinned) {
    figure.hidden = pinned < 0 || !caption;
    set(canvas, { "aria-label": `pinned z ${pinned + 1} ${when}: ${caption}` });
    text.replaceChildren(`z ${pinned + 1}, ${when}: `);
    const words = wordsOf(other);
    for (const piece of caption.split(/([a-z]+)/i)) {
      const isNew = other && /[a-z]/i.test(piece) && !words.includes(piece.toLowerCase());
      element(text, isNew ? "b" : "span", {}, piece);
    }
  }
}

function render({ model, el }) {
  const explorer = new Explorer(model, el);
  return () => explorer.close();
}

export default { render };

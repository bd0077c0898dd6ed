// Fits every slide into its 1280 × 720 page, then starts reveal.js.
const FONTS = [24, 23, 22, 21, 20, 19, 18]; // px of the text; code has 0.84 of it
const LAST_RESORT = [17, 16, 15]; // too small to project: the slide should be split
const ZOOMS = [1.4, 1.3, 1.2, 1.1, 1, 0.9, 0.8]; // of figures; 1 is their size in the notebook

function fits(slide) {
  const end = Math.max(...[...slide.children].map((part) => part.offsetTop + part.offsetHeight));
  if (end > slide.clientHeight - parseFloat(getComputedStyle(slide).paddingBottom)) return false;
  const blocks = slide.querySelectorAll("pre, .jp-RenderedMarkdown, .jp-OutputArea-output");
  return [...blocks].every((block) => block.scrollWidth <= block.clientWidth + 1);
}

function fit(slide) {
  const fitsWith = ([font, zoom]) => {
    slide.style.setProperty("--font", font);
    slide.style.setProperty("--zoom", zoom);
    return fits(slide);
  };
  const readable = [1, 0.8].flatMap((zoom) => FONTS.map((font) => [font, zoom]));
  const found = readable.find(fitsWith) || LAST_RESORT.map((font) => [font, 0.8]).find(fitsWith);
  if (!found || found[0] < FONTS.at(-1)) console.warn("too full to project:", slide.textContent.trim().slice(0, 60));
  if (found) ZOOMS.find((zoom) => fitsWith([found[0], zoom]));
}

// A slide further down in a section says which section it belongs to.
function nameSection(section) {
  const heading = section.querySelector("h1, h2")?.textContent;
  const [, ...below] = section.children;
  for (const slide of heading ? below : []) slide.dataset.heading = heading;
}

// Widgets are drawn by the html-manager, which does not tell when it has finished.
async function widgetsDrawn() {
  const drawn = (view) => view.querySelector(".widget-subarea")?.offsetHeight > 0;
  for (let wait = 0; wait < 200; wait++) {
    if ([...document.querySelectorAll(".jupyter-widgets:has(> script)")].every(drawn)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  console.error("a widget did not appear");
}

async function start() {
  await MathJax.startup.defaultPageReady();
  await document.fonts.ready;
  await widgetsDrawn();
  document.querySelectorAll(".slides > section").forEach(nameSection);
  document.querySelectorAll(".slides > section > section").forEach(fit);
  document.body.classList.remove("loading");
  await Reveal.initialize({
    width: 1280,
    height: 720,
    margin: 0,
    maxScale: 4,
    center: false,
    hash: true,
    slideNumber: "c/t",
    transition: "none",
    // Inside a widget the keys are the widget's, but for those of a presenter's remote control.
    keyboardCondition: (event) =>
      event.key.startsWith("Page") || !document.activeElement?.closest(".jupyter-widgets"),
    plugins: [RevealNotes],
  });
}

// The html-manager knows MathJax 2 only: it hands each label to this queue.
const Hub = { Queue: ([, , label]) => MathJax.startup.promise.then(() => MathJax.typesetPromise([label])) };

window.MathJax = {
  Hub,
  tex: {
    inlineMath: [["$", "$"], ["\\(", "\\)"]],
    tags: "ams",
    packages: { "[-]": ["noerrors", "noundefined"] }, // what is wrong in a formula shall be seen
  },
  svg: { fontCache: "local" },
  options: { enableMenu: false, ignoreHtmlClass: "jupyter-widgets|jp-InputArea-editor" },
  startup: {
    ready() {
      MathJax.Hub = Hub;
      MathJax.startup.defaultReady();
    },
    pageReady: start,
  },
};

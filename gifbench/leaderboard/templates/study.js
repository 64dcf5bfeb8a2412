"use strict";
// A blind study: pairs in an order and on sides drawn for each session; choices are kept in this browser until they
// are saved as a file. Both films of a pair are drawn from one clock.
document.documentElement.classList.add("js");
const about = JSON.parse(document.querySelector("main").dataset.about);
const find = (id) => document.getElementById(id);
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
const KEPT = `gifbench-study-${about.study}`;

// Random numbers that the seed and the session decide (xmur3 and mulberry32, both in the public domain).
function dice(text) {
  let h = 1779033703 ^ text.length;
  for (let i = 0; i < text.length; i++) { h = Math.imul(h ^ text.charCodeAt(i), 3432918353); h = (h << 13) | (h >>> 19); }
  return () => {
    h = (h + 0x6d2b79f5) | 0;
    let t = Math.imul(h ^ (h >>> 15), 1 | h);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
function newSession() {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
function kept() {
  try { const found = JSON.parse(localStorage.getItem(KEPT)); return found && Array.isArray(found.choices) ? found : null; } catch { return null; }
}
function keep() {
  try { localStorage.setItem(KEPT, JSON.stringify(state)); } catch { /* then it lasts as long as the page is open */ }
}

let state = kept() || { session: newSession(), participant: "", choices: [], done: false };
if (state.done) state = { session: newSession(), participant: "", choices: [], done: false };
function arrange() {
  const random = dice(`${about.seed}/${state.session}`);
  const order = about.pairs.map((pair) => ({ pair, at: random(), swap: random() < 0.5 }));
  return order.sort((a, b) => a.at - b.at).map(({ pair, swap }) => ({ ...pair, films: swap ? [...pair.films].reverse() : pair.films }));
}
let shown = [], current = null, playing = !still, since = 0;

function show(section) {
  for (const id of ["intro", "ask", "end"]) find(id).hidden = id !== section;
  if (section !== "intro") find(section).querySelector("h1").focus();
}
const decoded = (file) => { const image = Object.assign(new Image(), { src: file }); return image.decode().then(() => image); };

// Enlarged pictures keep their pixels; made smaller by that rule they would flicker, so there the browser smooths.
function fit(canvas) {
  canvas.style.imageRendering = canvas.clientWidth * devicePixelRatio < canvas.width ? "auto" : "pixelated";
}
addEventListener("resize", () => { for (const id of ["left", "right"]) fit(find(id)); });

async function next() {
  const number = state.choices.length;
  find("back").disabled = number === 0;
  if (number >= shown.length) { finish(); return; }
  const pair = shown[number];
  current = null;
  show("ask");
  find("place").textContent = `Pair ${number + 1} of ${shown.length}, loading …`;
  let films;
  try {
    films = await Promise.all(pair.films.map(([, files]) => Promise.all(files.map(decoded))));
  } catch {
    find("place").textContent = `Pair ${number + 1} of ${shown.length}: a film is missing. Tell whoever sent you this page.`;
    return;
  }
  if (shown[state.choices.length] !== pair) return;  // somebody went back meanwhile
  for (const id of ["left", "right"]) {
    [find(id).width, find(id).height] = pair.size;
    find(id).style.maxWidth = `${2 * pair.size[0]}px`;  // larger shows nothing more
    fit(find(id));
  }
  find("place").textContent = `Pair ${number + 1} of ${shown.length}`;
  current = { pair, films, clock: 0, frame: -1 };
  since = performance.now();
  draw(0);
}
function draw(frame) {
  const { pair, films } = current, [width, height] = pair.size;
  current.frame = frame;
  ["left", "right"].forEach((id, side) => {
    const strip = films[side][Math.floor(frame / pair.perFile)];
    find(id).getContext("2d").drawImage(strip, 0, frame % pair.perFile * height, width, height, 0, 0, width, height);
  });
  find("ask").dataset.frame = frame;
}
let last = performance.now();
function tick(now) {
  const step = Math.min(now - last, 250);
  last = now;
  if (current && playing) {
    const { ends } = current.pair;
    current.clock = (current.clock + step) % ends[ends.length - 1];
    const frame = ends.findIndex((end) => current.clock < end);
    if (frame !== current.frame) draw(frame);
  }
  requestAnimationFrame(tick);
}
requestAnimationFrame(tick);

function answer(chosen) {
  if (!current) return;
  const [[left], [right]] = current.pair.films;
  const seconds = Math.round((performance.now() - since) / 100) / 10;
  state.choices.push({ pair: current.pair.pair, left, right, chosen, seconds });
  keep();
  next();
}
function finish() {
  current = null;
  const { session, participant, choices } = state;
  const text = JSON.stringify({ gifbench_choices: 1, study: about.study, session, participant, choices }, null, 1);
  const link = find("save");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = `choices-${session}.json`;
  show("end");
}
find("save").addEventListener("click", () => { state.done = true; keep(); });
find("pause").addEventListener("click", () => { playing = !playing; find("pause").textContent = playing ? "Pause" : "Play"; });
find("pause").textContent = playing ? "Pause" : "Play";
find("back").addEventListener("click", () => { state.choices.pop(); keep(); next(); });
for (const button of document.querySelectorAll("[data-answer]")) button.addEventListener("click", () => answer(button.dataset.answer));
addEventListener("keydown", (event) => {
  const chosen = { ArrowLeft: "left", ArrowRight: "right", ArrowDown: "none" }[event.key];
  if (!chosen || find("ask").hidden || event.repeat || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  answer(chosen);
});
find("who").value = state.participant;
if (state.choices.length) find("intro").querySelector("button").textContent = `Go on, ${state.choices.length} of ${about.pairs.length} done`;
find("intro").querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  state.participant = find("who").value.trim();
  keep();
  shown = arrange();
  next();
});

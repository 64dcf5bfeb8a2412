"use strict";
// Playing a clip: every lane is a strip of frames, one below the other, and all of a player are drawn from one clock,
// so that they cannot drift apart.
document.documentElement.classList.add("js");
const still = matchMedia("(prefers-reduced-motion: reduce)");
const running = new Set();
let last = 0;

function tick(now) {
  const step = Math.min(now - last, 250);
  last = now;
  for (const player of running) player.advance(step);
  if (running.size) requestAnimationFrame(tick);
}
function run(player, on) {
  const idle = running.size === 0;
  if (on) running.add(player); else running.delete(player);
  if (idle && running.size) { last = performance.now(); requestAnimationFrame(tick); }
}

function makeLane(item) {
  const files = item.dataset.src.split(" "), every = Number(item.dataset.every), perFile = Number(item.dataset.perFile);
  const images = [], canvas = item.querySelector("canvas"), detail = item.dataset.detail;
  let strip = null;
  const decoded = (file) => { const image = Object.assign(new Image(), { src: file }); return image.decode().then(() => image); };
  const lane = {
    kind: item.dataset.kind,
    ready: false,
    async load() {  // the whole pictures, when they are first wanted
      if (!lane.loading) lane.loading = Promise.all(files.map(decoded)).then((all) => { images.push(...all); lane.ready = true; });
      return lane.loading;
    },
    async loadDetail() { if (detail) strip = await decoded(detail); },
    drawDetail(i, moved, size) {  // the exact pixels where the detail was chosen, the film's where it was moved to
      if (!canvas || !(moved ? lane.ready : strip)) return;
      const { width, height } = canvas, at = Math.floor(i / every), context = canvas.getContext("2d");
      if (!moved) { context.drawImage(strip, 0, at * height, width, height, 0, 0, width, height); return; }
      const top = at % perFile * size.height + moved.top * size.height;
      context.drawImage(images[Math.floor(at / perFile)], moved.left * size.width, top, moved.width * size.width,
        moved.height * size.height, 0, 0, width, height);
    },
    drawPart(context, i, from, to) {
      if (!lane.ready || to <= from) return;
      const { width, height } = context.canvas, at = Math.floor(i / every), left = width * from, part = width * (to - from);
      context.drawImage(images[Math.floor(at / perFile)], left, at % perFile * height, part, height, left, 0, part, height);
    },
  };
  return lane;
}

function makePlayer(figure) {
  const ends = figure.dataset.ends.split(" ").map(Number), count = ends.length;  // when each frame ends, in ms
  const lanes = [...figure.querySelectorAll(".lanes li")].map(makeLane);
  const find = (selector) => figure.querySelector(selector);
  const play = find(".play"), range = find(".frame"), speed = find(".speed"), output = find("output");
  const left = find("select.left"), right = find("select.right"), line = find(".line"), scale = find(".scale");
  const context = find(".stage canvas").getContext("2d"), spot = find(".spot");
  // A clip of less than a second plays to and fro: a jump back that often is all that one would see.
  const whole = ends[count - 1], toAndFro = whole < 1000 && count > 2;
  let moved = null, clock = 0, frame = 0, playing = !still.matches, visible = false, loaded = false;

  const sides = () => [lanes[left.value], lanes[right.value]];
  function draw(i) {
    const share = line.value / 100, [one, other] = sides();
    frame = i;
    one.drawPart(context, i, 0, share);
    other.drawPart(context, i, share, 1);
    for (const lane of lanes) lane.drawDetail(i, moved, context.canvas);
    range.value = i;
    range.setAttribute("aria-valuetext", `frame ${i + 1} of ${count}`);
    output.textContent = `frame ${i + 1} of ${count}`;
    figure.dataset.frame = i;
  }
  function move() {
    find(".stage").style.setProperty("--at", `${line.value}%`);
    line.setAttribute("aria-valuetext", `${Math.round(line.value)}% ${left.selectedOptions[0].text}, the rest ${right.selectedOptions[0].text}`);
    if (loaded) draw(frame);
  }
  async function choose() {
    scale.hidden = !sides().some((lane) => lane.kind === "error");
    try {
      await Promise.all(sides().map((lane) => lane.load()));
    } catch {
      output.textContent = "a picture is missing";
    }
    move();
  }
  function seek(i) {
    const to = (i + count) % count;
    clock = to ? ends[to - 1] : 0;
    draw(to);
  }
  function update() {
    play.textContent = playing ? "Pause" : "Play";
    run(player, loaded && visible && playing);
  }
  function setPlaying(on) { playing = on; update(); }
  const player = {
    advance(step) {
      clock = (clock + step * Number(speed.value)) % (toAndFro ? 2 * whole : whole);
      const time = clock < whole ? clock : 2 * whole - clock - 1e-6;
      const now = ends.findIndex((end) => time < end);
      if (now !== frame) draw(now);
    },
  };
  async function load() {
    try {
      await Promise.all([...sides().map((lane) => lane.load()), ...lanes.map((lane) => lane.loadDetail())]);
    } catch {
      output.textContent = "a picture is missing";
      return;
    }
    loaded = true;
    choose();
    seek(0);
    update();
  }
  play.addEventListener("click", () => setPlaying(!playing));
  for (const button of figure.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => { setPlaying(false); if (loaded) seek(frame + Number(button.dataset.step)); });
  }
  range.addEventListener("input", () => { setPlaying(false); if (loaded) seek(Number(range.value)); });
  line.addEventListener("input", move);

  // The detail: dragged with a pointer, moved with the arrow keys.
  const part = { left: 0, top: 0, width: 0, height: 0 };
  for (const key of Object.keys(part)) part[key] = parseFloat(spot.style[key]) / 100;
  async function place(x, y) {
    moved = moved || part;
    moved.left = Math.min(Math.max(x, 0), 1 - part.width);
    moved.top = Math.min(Math.max(y, 0), 1 - part.height);
    spot.style.left = `${100 * moved.left}%`;
    spot.style.top = `${100 * moved.top}%`;
    if (loaded) draw(frame);
    try {
      await Promise.all(lanes.map((lane) => lane.load()));
    } catch {
      output.textContent = "a picture is missing";
    }
    if (loaded) draw(frame);
  }
  spot.addEventListener("pointerdown", (event) => {
    const box = context.canvas.getBoundingClientRect();
    const x = event.clientX / box.width - part.left, y = event.clientY / box.height - part.top;
    const drag = (now) => { place(now.clientX / box.width - x, now.clientY / box.height - y); };
    spot.setPointerCapture(event.pointerId);
    spot.addEventListener("pointermove", drag);
    spot.addEventListener("lostpointercapture", () => spot.removeEventListener("pointermove", drag), { once: true });
  });
  spot.addEventListener("keydown", (event) => {
    const [x, y] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] || [0, 0];
    if (!x && !y) return;
    event.preventDefault();
    place(part.left + x * part.width / 8, part.top + y * part.height / 8);
  });
  left.addEventListener("change", choose);
  right.addEventListener("change", choose);
  let asked = false;
  new IntersectionObserver((entries) => {
    visible = entries[entries.length - 1].isIntersecting;
    if (visible && !asked) { asked = true; load(); }
    update();
  }, { rootMargin: "200px" }).observe(figure);
  move();
  update();
}
for (const figure of document.querySelectorAll("figure.player")) makePlayer(figure);

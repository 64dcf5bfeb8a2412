"use strict";
// Three jobs: show one board at a time, sort its tables, and play the lanes of a clip in step. Without this script the
// page shows every board, unsorted, with still pictures.
document.documentElement.classList.add("js");

const boards = [...document.querySelectorAll("section.board[data-alone]")];
function showBoard() {
  if (!boards.length) return;
  let target = null;
  try { target = document.getElementById(decodeURIComponent(location.hash.slice(1))); } catch { /* not a name of ours */ }
  const current = (target && target.closest("section.board")) || boards[0];
  for (const board of boards) board.classList.toggle("current", board === current);
  for (const link of document.querySelectorAll("nav.boards a")) {
    if (link.hash === "#" + current.id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}
addEventListener("hashchange", showBoard);
showBoard();

// Sorting, by data-v, or by the number that a cell begins with. What has none (no rank, no speed) stays at the end
// whichever way the column is sorted.
function valueOf(cell) {
  if (cell?.dataset.v !== undefined) return cell.dataset.v;
  const number = parseFloat(cell?.firstChild?.textContent);
  return Number.isNaN(number) ? "" : number;
}
function sortTable(button) {
  const head = button.closest("th"), table = head.closest("table"), body = table.tBodies[0];
  const column = head.cellIndex, words = head.dataset.kind === "text", small = head.dataset.kind === "rank" || words;
  const before = head.getAttribute("aria-sort");
  const upwards = before === "none" ? small : before === "descending";
  const rows = [...body.rows].map((row) => ({ row, value: valueOf(row.cells[column]) }));
  rows.sort((a, b) => {
    if (a.value === "" || b.value === "") return (a.value === "") - (b.value === "");
    const order = words ? a.value.localeCompare(b.value) : a.value - b.value;
    return upwards ? order : -order;
  });
  for (const cell of table.tHead.rows[0].cells) if (cell.hasAttribute("aria-sort")) cell.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", upwards ? "ascending" : "descending");
  body.append(...rows.map((entry) => entry.row));
}
for (const button of document.querySelectorAll("th button")) button.addEventListener("click", () => sortTable(button));

for (const box of document.querySelectorAll("input[data-reported]")) {
  box.addEventListener("change", () => box.closest(".table").classList.toggle("hide-reported", !box.checked));
}

// Playing. Every lane is a strip of frames, one below the other; all lanes of a player are drawn from one clock.
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

function makePlayer(figure) {
  const ends = figure.dataset.ends.split(" ").map(Number), count = ends.length;  // when each frame ends, in ms
  const lanes = [...figure.querySelectorAll("canvas")].map((canvas) => ({
    canvas, every: Number(canvas.dataset.every), perFile: Number(canvas.dataset.perFile), files: canvas.dataset.src.split(" "), images: [],
  }));
  const play = figure.querySelector(".play"), range = figure.querySelector("input[type=range]");
  const speed = figure.querySelector("select"), output = figure.querySelector("output");
  let clock = 0, frame = -1, playing = !still.matches, visible = false, loaded = false;

  function draw(i) {
    frame = i;
    for (const { canvas, every, perFile, images } of lanes) {
      const { width, height } = canvas, at = Math.floor(i / every);
      canvas.getContext("2d").drawImage(images[Math.floor(at / perFile)], 0, at % perFile * height, width, height, 0, 0, width, height);
    }
    range.value = i;
    range.setAttribute("aria-valuetext", `frame ${i + 1} of ${count}`);
    output.textContent = `frame ${i + 1} of ${count}`;
    figure.dataset.frame = i;
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
      clock = (clock + step * Number(speed.value)) % ends[count - 1];
      const now = ends.findIndex((end) => clock < end);
      if (now !== frame) draw(now);
    },
  };
  async function load() {
    try {
      await Promise.all(lanes.flatMap((lane) => {
        lane.images = lane.files.map((file) => Object.assign(new Image(), { src: file }));
        return lane.images.map((image) => image.decode());
      }));
    } catch {
      output.textContent = "a picture is missing";
      return;
    }
    loaded = true;
    seek(0);
    update();
  }
  play.addEventListener("click", () => setPlaying(!playing));
  for (const button of figure.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => { setPlaying(false); if (loaded) seek(frame + Number(button.dataset.step)); });
  }
  range.addEventListener("input", () => { setPlaying(false); if (loaded) seek(Number(range.value)); });
  let asked = false;
  new IntersectionObserver((entries) => {
    visible = entries[entries.length - 1].isIntersecting;
    if (visible && !asked) { asked = true; load(); }
    update();
  }, { rootMargin: "200px" }).observe(figure);
  update();
}
for (const figure of document.querySelectorAll("figure.player")) makePlayer(figure);

"use strict";
// Keys, one sound at a time, areas on and off. Plain script, because pages from file:// may load no modules.

const cards = [...document.querySelectorAll(".card")];
const main = document.getElementById("cards");
const areas = document.getElementById("areas");
let current = null;

function select(card) {
  if (current) current.classList.remove("current");
  current = card;
  current.classList.add("current");
}

function go(step) {
  if (!cards.length) return;
  const place = cards.indexOf(current);
  select(cards[place < 0 ? 0 : Math.min(Math.max(place + step, 0), cards.length - 1)]);
  current.focus({ preventScroll: true });
  current.scrollIntoView({ block: "nearest" });
}

function play() {
  if (!current) go(1);
  const audio = current && current.querySelector("audio");
  if (!audio) return;
  if (audio.paused) audio.play().catch(() => {});
  else audio.pause();
}

function showAreas() {
  main.classList.toggle("plain", !areas.checked);
}

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, audio")) return;
  const steps = { j: 1, k: -1, ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  if (event.key in steps) go(steps[event.key]);
  else if (event.key === " ") play();
  else if (event.key === "o") {
    areas.checked = !areas.checked;
    showAreas();
  } else return;
  event.preventDefault();
}

for (const card of cards) {
  card.addEventListener("pointerdown", () => select(card));
  for (const figure of card.querySelectorAll("figure")) figure.addEventListener("click", () => figure.classList.toggle("plain"));
  for (const audio of card.querySelectorAll("audio")) {
    audio.addEventListener("play", () => {
      select(card);
      for (const other of document.querySelectorAll("audio")) if (other !== audio) other.pause();
    });
  }
}
areas.addEventListener("change", showAreas);
document.addEventListener("keydown", key);
showAreas();

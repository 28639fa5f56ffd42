"use strict";
// What galleries do: filters, one player at a time, keys. Plain script, because pages from file:// may load no modules.

const cards = [...document.querySelectorAll(".card")];
const menus = [...document.querySelectorAll("#filters select")];
const search = document.getElementById("search");
const overlays = document.getElementById("overlays");
const main = document.getElementById("cards");
let current = null;

// A card's value of a menu is one, or a list |a|b|.
function fits(card) {
  const chosen = menus.every((menu) => {
    const found = card.dataset[menu.id];
    return !menu.value || found === menu.value || found.includes("|" + menu.value + "|");
  });
  return chosen && card.dataset.id.toLowerCase().includes(search.value.trim().toLowerCase());
}

function filter() {
  let shown = 0;
  for (const card of cards) {
    card.hidden = !fits(card);
    shown += card.hidden ? 0 : 1;
    if (card.hidden) pause(card);
  }
  for (const menu of menus) menu.classList.toggle("on", menu.value !== "");
  document.getElementById("count").textContent = shown + " of " + cards.length;
  document.getElementById("none").hidden = shown > 0;
  if (current && current.hidden) select(null);
}

function pause(card) {
  for (const audio of card.querySelectorAll("audio")) audio.pause();
}

function select(card) {
  if (current) current.classList.remove("current");
  current = card;
  if (card) card.classList.add("current");
}

function go(step) {
  const shown = cards.filter((card) => !card.hidden);
  if (!shown.length) return;
  const place = shown.indexOf(current);
  const next = place < 0 ? 0 : Math.min(Math.max(place + step, 0), shown.length - 1);
  select(shown[next]);
  current.focus({ preventScroll: true });
  current.scrollIntoView({ block: "nearest" });
}

function toggle(sound) {
  const audio = sound && sound.querySelector("audio");
  if (!audio) return;
  if (audio.paused) audio.play().catch(() => sound.classList.remove("playing"));
  else audio.pause();
}

function wirePlayer(sound, card) {
  const audio = sound.querySelector("audio");
  if (!audio) return;
  const line = sound.querySelector(".wave i");
  const button = sound.querySelector(".play");
  const length = () => Number(sound.dataset.seconds) || audio.duration; // what the waveform stands for
  audio.controls = false;
  audio.hidden = true;
  const follow = () => {
    if (audio.duration) line.style.left = Math.min((100 * audio.currentTime) / length(), 100) + "%";
    if (!audio.paused) requestAnimationFrame(follow);
  };
  button.addEventListener("click", () => toggle(sound));
  audio.addEventListener("play", () => {
    for (const other of document.querySelectorAll("audio")) if (other !== audio) other.pause();
    sound.classList.add("playing", "started");
    button.setAttribute("aria-label", "Pause");
    select(card);
    follow();
  });
  audio.addEventListener("pause", () => {
    sound.classList.remove("playing");
    button.setAttribute("aria-label", "Play");
  });
  audio.addEventListener("seeked", follow);
  sound.querySelector(".wave").addEventListener("click", (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const share = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
    const seek = () => { audio.currentTime = Math.min(share * length(), audio.duration); };
    if (audio.duration) seek();
    else audio.addEventListener("loadedmetadata", seek, { once: true });
    if (audio.paused) toggle(sound);
  });
}

function key(event) {
  const typing = event.target.closest("input[type=search], select");
  if (event.key === "Escape" && typing) typing.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const steps = { j: 1, k: -1, ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  if (event.key in steps) go(steps[event.key]);
  else if (event.key === " " && !event.target.closest("button, label, input, a")) {
    if (!current) go(1);
    if (current) toggle(current.querySelector(".sound:not([hidden])"));
  } else if (event.key === "o") {
    overlays.checked = !overlays.checked;
    showMasks();
  } else if (event.key === "/") search.focus();
  else return;
  event.preventDefault();
}

function showMasks() {
  main.classList.toggle("plain", !overlays.checked);
}

for (const card of cards) {
  for (const sound of card.querySelectorAll(".sound")) wirePlayer(sound, card);
  card.addEventListener("pointerdown", () => select(card));
}
for (const menu of menus) menu.addEventListener("change", filter);
search.addEventListener("input", filter);
overlays.addEventListener("change", showMasks);
document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
document.getElementById("reset").addEventListener("click", () => {
  document.getElementById("filters").reset();
  filter();
  showMasks();
});
document.addEventListener("keydown", key);
filter();

"use strict";
// The gallery's behaviour: filters, one player at a time, variants, keys. Plain script, because pages from file:// may load no modules.

const cards = [...document.querySelectorAll(".card")];
const menus = ["setting", "split", "category", "sources"].map((id) => document.getElementById(id));
const search = document.getElementById("search");
const overlays = document.getElementById("overlays");
const main = document.getElementById("cards");
let current = null;

function fits(card) {
  const [setting, split, category, sources] = menus.map((menu) => menu.value);
  return (!setting || card.dataset.setting === setting)
    && (!split || card.dataset.split === split)
    && (!category || card.dataset.categories.includes("|" + category + "|"))
    && (!sources || card.dataset.sources === sources)
    && card.dataset.id.toLowerCase().includes(search.value.trim().toLowerCase());
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
  const audio = sound.querySelector("audio");
  if (audio.paused) audio.play().catch(() => sound.classList.remove("playing"));
  else audio.pause();
}

// Bars of a waveform from one character a column, 0 to j; as gallery_page._wave draws them.
function wavePath(code, middle) {
  return [...code].map((digit, x) => {
    const height = Math.max(parseInt(digit, 36), 0.5);
    return "M" + x + ".5 " + (middle - height) + "v" + 2 * height;
  }).join("");
}

function showVariant(card, name) {
  const playing = [...card.querySelectorAll("audio")].some((audio) => !audio.paused);
  for (const sound of card.querySelectorAll(".sound")) {
    sound.hidden = sound.dataset.variant !== name;
    const code = sound.querySelector("svg[data-wave]");
    if (!sound.hidden && code && !code.querySelector("path[d]")) {
      code.dataset.wave.split(" ").forEach((side, n) => code.children[n].setAttribute("d", wavePath(side, n ? 60 : 20)));
    }
  }
  for (const button of card.querySelectorAll(".variants button")) button.setAttribute("aria-pressed", String(button.value === name));
  pause(card);
  if (playing) toggle(card.querySelector(".sound:not([hidden])"));
}

function wirePlayer(sound, card) {
  const audio = sound.querySelector("audio");
  const line = sound.querySelector(".wave i");
  const button = sound.querySelector(".play");
  audio.controls = false;
  audio.hidden = true;
  const follow = () => {
    if (audio.duration) line.style.left = (100 * audio.currentTime) / audio.duration + "%";
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
    const seek = () => { audio.currentTime = share * audio.duration; };
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
  for (const button of card.querySelectorAll(".variants button")) button.addEventListener("click", () => showVariant(card, button.value));
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

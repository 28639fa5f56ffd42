
// Variants: another sound of the same sample, drawn when it is asked for.
// Bars of a waveform from one character a column, 0 to j; as pages.wave_path draws them.
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

for (const card of cards) {
  for (const button of card.querySelectorAll(".variants button")) button.addEventListener("click", () => showVariant(card, button.value));
}


// Frames: the one whose second is heard is marked, and brought into sight where the row is wider than the screen.
for (const sound of document.querySelectorAll(".sound")) {
  const audio = sound.querySelector("audio");
  if (!audio) continue;
  const strip = sound.querySelector(".strip");
  const figures = [...sound.querySelectorAll("figure")];
  const mark = () => {
    const second = Math.min(Math.floor(audio.currentTime), figures.length - 1);
    figures.forEach((figure, place) => figure.classList.toggle("now", place === second && !audio.ended && audio.currentTime > 0));
    const left = figures[second].offsetLeft - figures[0].offsetLeft;
    if (!audio.paused && (left < strip.scrollLeft || left + figures[second].offsetWidth > strip.scrollLeft + strip.clientWidth)) strip.scrollLeft = left;
  };
  audio.addEventListener("timeupdate", mark);
  audio.addEventListener("ended", mark);
}

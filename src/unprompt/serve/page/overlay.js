// The SARE map over the picture that it was made of, with a slider for its opacity.
const BEGIN = 60;

export function layOver(card) {
  const map = card.querySelector("figure[data-name='map']");
  const picture = card.querySelector("figure[data-name='picture'] img");
  if (!map) return;
  const below = picture.cloneNode();
  const label = document.createElement("label");
  const slider = document.createElement("input");
  below.alt = "";
  below.className = `${picture.className} below`;
  slider.type = "range";
  slider.min = 0;
  slider.max = 100;
  slider.step = 5;
  slider.setAttribute("value", BEGIN);
  label.className = "opacity";
  label.append("Map over the picture", slider);
  map.querySelector("img").before(below);
  map.append(label);
  show(slider);
}

export function listen() {
  document.addEventListener("input", (event) => {
    if (event.target.matches(".opacity input")) show(event.target);
  });
}

export function remove(card) {
  for (const part of card.querySelectorAll(".opacity, .below")) part.remove();
  for (const map of card.querySelectorAll("figure[data-name='map']")) map.removeAttribute("style");
}

function show(slider) {
  slider.closest("figure").style.setProperty("--opacity", slider.value / 100);
  slider.setAttribute("aria-valuetext", `${slider.value} %`);
}

// A button of a card that asks which generator made its picture.
import { ask, Refused } from "./upload.js";

export function offerAttribution(card, file, key, refused) {
  const line = document.createElement("div");
  const button = document.createElement("button");
  const state = document.createElement("span");
  button.type = "button";
  button.textContent = "Which generator?";
  button.setAttribute("aria-label", `Which generator made ${file.name}?`);
  state.setAttribute("role", "status");
  line.className = "ask";
  line.append(button, state);
  card.querySelector(".said").append(line);
  button.addEventListener("click", async () => {
    const began = Date.now();
    const tell = () => { state.textContent = `The candidates draw, ${Math.round((Date.now() - began) / 1000)} s…`; };
    const clock = setInterval(tell, 1000);
    const bar = document.createElement("progress");
    bar.setAttribute("aria-label", `Progress of the question about ${file.name}`);
    line.append(bar);
    button.disabled = true;
    tell();
    try {
      const holder = document.createElement("template");
      holder.innerHTML = await ask("page/attribution", file, key());
      const section = holder.content.querySelector("section");
      section.tabIndex = -1;
      card.querySelector(".provenance").before(section);
      line.remove();
      section.focus({ preventScroll: true });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      bar.remove();
      state.textContent = error.message;
      button.disabled = false;
      refused(error);
    } finally {
      clearInterval(clock);
    }
  });
}

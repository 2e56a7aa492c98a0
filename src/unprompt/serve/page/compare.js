// Two cards side by side in a dialog.
export class Comparison {
  constructor(dialog, button, cards) {
    this.dialog = dialog;
    this.button = button;
    this.cards = cards;
    button.addEventListener("click", () => this.open());
    dialog.querySelector("#close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => button.focus());
  }

  offer(card) {
    const label = document.createElement("label");
    const box = document.createElement("input");
    const words = document.createElement("span");
    box.type = "checkbox";
    box.addEventListener("change", () => this.update());
    words.textContent = `Compare ${card.querySelector(".facts code").textContent}`;
    label.className = "choose";
    label.append(box, words);
    card.append(label);
  }

  chosen() {
    return [...this.cards.querySelectorAll(".choose input:checked")].map((box) => box.closest("article"));
  }

  update() {
    const number = this.chosen().length;
    this.button.disabled = number !== 2;
    for (const box of this.cards.querySelectorAll(".choose input:not(:checked)")) box.disabled = number >= 2;
  }

  open() {
    const copies = this.chosen().map((card) => {
      const copy = card.cloneNode(true);
      for (const part of copy.querySelectorAll(".choose, .ask")) part.remove();
      copy.setAttribute("aria-label", card.querySelector("h2").textContent.trim());
      copy.removeAttribute("aria-labelledby");
      for (const part of copy.querySelectorAll("[id]")) part.removeAttribute("id");
      return copy;
    });
    this.dialog.querySelector(".pair").replaceChildren(...copies);
    this.dialog.showModal();
  }
}

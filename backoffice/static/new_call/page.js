// The new call as a page of its own.

import {mount} from "./form.js";

const said = sessionStorage.getItem("tot.said");
sessionStorage.removeItem("tot.said");
mount(document);
if (said) {
  const box = document.querySelector("[data-alert]");
  box.textContent = said;
  box.classList.add("is-good");
  box.hidden = false;
}

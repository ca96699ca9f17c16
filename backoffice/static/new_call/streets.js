// Suggestions under the street field; a chosen street brings its district and point.

import {later, post} from "./net.js";

const ENOUGH = 3;

export function suggestStreets(section, form, changed) {
  const input = form.elements.address_text;
  const list = section.querySelector("#nc-streets");
  const district = section.querySelector("[data-district]");
  let items = [], active = -1;

  const place = (street) => {
    form.elements.latitude.value = street?.latitude ?? "";
    form.elements.longitude.value = street?.longitude ?? "";
    form.elements.district.value = district.textContent = street?.district ?? "";
    input.dataset.street = street?.name ?? "";
  };
  const close = () => {
    items = [];
    active = -1;
    list.hidden = true;
    list.replaceChildren();
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const point = (next) => {
    active = (next + items.length) % items.length;
    [...list.children].forEach((option, at) => option.setAttribute("aria-selected", at === active));
    input.setAttribute("aria-activedescendant", list.children[active].id);
    list.children[active].scrollIntoView({block: "nearest"});
  };
  const choose = (street) => {
    input.value = `${street.name}, `;
    place(street);
    close();
    input.focus();
    changed();
  };
  const draw = (streets) => {
    close();
    if (document.activeElement !== input || !streets.length) return;
    items = streets;
    streets.forEach((street, at) => {
      const option = document.createElement("li");
      option.id = `nc-street-${at}`;
      option.role = "option";
      option.textContent = street.name;
      const where = document.createElement("i");
      where.textContent = street.district;
      option.append(where);
      option.addEventListener("mousedown", (event) => {
        event.preventDefault();
        choose(street);
      });
      list.append(option);
    });
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
  };
  const ask = later(150, (signal) => post(section.dataset.streets, {q: input.value}, signal),
    (answer) => draw(answer?.ok ? answer.data.streets : []));

  input.addEventListener("input", () => {
    const chosen = input.dataset.street;
    if (chosen && input.value.startsWith(chosen)) return close();
    if (chosen || form.elements.latitude.value) place(null);
    if (input.value.trim().length >= ENOUGH) ask();
    else { ask.stop(); close(); }
  });
  input.addEventListener("keydown", (event) => {
    if (list.hidden || event.isComposing) return;
    if (event.key === "ArrowDown") point(active + 1);
    else if (event.key === "ArrowUp") point(active < 0 ? -1 : active - 1);
    else if (event.key === "Enter" && !event.ctrlKey) choose(items[Math.max(active, 0)]);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  input.addEventListener("blur", () => { ask.stop(); close(); });
  return {stop: ask.stop, restore: () => { district.textContent = form.elements.district.value; }};
}

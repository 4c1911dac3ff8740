"use strict";
// Tooltips of charts, by pointer and arrow keys, and legends that hide and show lines.
for (const svg of document.querySelectorAll("svg[data-points]")) {
  const points = JSON.parse(svg.dataset.points);
  if (!points.length) continue;
  const figure = svg.closest("figure");
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("role", "status");
  svg.parentNode.append(tip);
  const mark = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  mark.setAttribute("class", "mark");
  mark.setAttribute("r", 6);
  const hidden = new Set();
  let current = -1;

  const show = (place) => {
    current = place;
    const [x, y, text] = points[place];
    mark.setAttribute("cx", x);
    mark.setAttribute("cy", y);
    svg.append(mark);
    tip.textContent = text;
    tip.hidden = false;
    const at = new DOMPoint(x, y).matrixTransform(svg.getScreenCTM());
    const box = svg.parentNode.getBoundingClientRect();
    const left = Math.min(at.x - box.left + 10, box.width - tip.offsetWidth);
    const above = at.y - box.top - tip.offsetHeight - 10;
    tip.style.left = `${Math.max(0, left)}px`;
    tip.style.top = `${above < 0 ? at.y - box.top + 14 : above}px`;
  };
  const hide = () => {
    tip.hidden = true;
    mark.remove();
  };
  svg.addEventListener("pointermove", (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    let best = -1;
    let least = 60 ** 2;
    points.forEach(([x, y, , series], place) => {
      const distance = (x - at.x) ** 2 + (y - at.y) ** 2;
      if (distance < least && !hidden.has(series)) [best, least] = [place, distance];
    });
    if (best < 0) hide();
    else if (best !== current || tip.hidden) show(best);
  });
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("blur", hide);
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") hide();
    if (!step) return;
    event.preventDefault();
    const count = points.length;
    let place = current;
    for (let tries = 0; tries < count; tries += 1) {
      place = (place + step + count) % count;
      if (!hidden.has(points[place][3])) return show(place);
    }
  });
  for (const button of figure ? figure.querySelectorAll("button[data-series]") : []) {
    button.addEventListener("click", () => {
      const series = Number(button.dataset.series);
      const shown = button.getAttribute("aria-pressed") === "true";
      button.setAttribute("aria-pressed", String(!shown));
      if (shown) hidden.add(series);
      else hidden.delete(series);
      for (const line of svg.querySelectorAll(`[data-series="${series}"]`)) line.classList.toggle("off", shown);
      hide();
    });
  }
}

"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const themes = read("themes");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const draw = (root) => {
    const config = dark.matches ? themes.dark : themes.light;
    for (const place of root.querySelectorAll("[data-chart]")) {
      if (!place.offsetWidth) continue; // folded: drawn when it is opened, as its width is not known before
      vegaEmbed(place, read(place.dataset.chart), {
        config, ast: true, renderer: "svg", actions: false, tooltip: { theme: dark.matches ? "dark" : "light" },
      }).catch((error) => {
        place.textContent = "This picture could not be drawn (" + error.message + "); the table has its figures.";
      });
    }
  };
  dark.addEventListener("change", () => draw(document));
  for (const folded of document.querySelectorAll("details")) {
    folded.addEventListener("toggle", () => { if (folded.open) draw(folded); });
  }
  draw(document);
})();

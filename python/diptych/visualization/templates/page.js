"use strict";
(() => {
  const { figure, dark } = JSON.parse(document.getElementById("data").textContent);
  const place = document.getElementById("figure");
  const scheme = matchMedia("screen and (prefers-color-scheme: dark)");
  const config = { responsive: true, displaylogo: false };
  const partner = (key, value) => (typeof value === "string" && Object.hasOwn(dark, value) ? dark[value] : value);
  const draw = () => {
    const { data, layout } = JSON.parse(JSON.stringify(figure), scheme.matches ? partner : undefined);
    Plotly.newPlot(place, data, layout, config);
  };
  scheme.addEventListener("change", draw);
  draw();
})();

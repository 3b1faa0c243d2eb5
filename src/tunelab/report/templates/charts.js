// Give every picture of a chart its living form when it comes into view; pictures stay where that fails.
const draw = async (figure) => {
  const plot = figure.querySelector(".plot");
  const live = document.createElement("div");
  const options = { actions: false, ast: true, renderer: "svg", mode: "vega-lite" };
  try {
    const { view } = await vegaEmbed(live, JSON.parse(figure.querySelector("script").textContent), options);
    for (const picture of live.querySelectorAll("svg")) picture.setAttribute("aria-hidden", "true");
    plot.setAttribute("role", "group");
    plot.replaceChildren(live);
    await view.runAsync();
  } catch (error) {
    console.warn(`a chart stays a picture: ${error}`);
  }
};
const seen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    seen.unobserve(target);
    draw(target);
  }
}, { rootMargin: "300px" });
for (const figure of document.querySelectorAll("figure[data-chart]")) seen.observe(figure);

// Sets the colour scheme before the first paint. A file of its own: the content security policy forbids inline scripts.
(function () {
  var scheme = "auto";
  try {
    scheme = localStorage.getItem("coditect.color-scheme") || "auto";
  } catch (e) {
    // Storage may be forbidden; the system's choice then stands.
  }
  if (scheme !== "light" && scheme !== "dark") {
    scheme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  }
  document.documentElement.setAttribute("data-mantine-color-scheme", scheme);
})();

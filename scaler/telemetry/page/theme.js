// Light, dark, or as the system says: set before the first paint, so that nothing flashes.
"use strict";

const THEMES = ["auto", "light", "dark"];

function readTheme() {
  try {
    const theme = localStorage.getItem("readpool-theme");
    return THEMES.includes(theme) ? theme : "auto";
  } catch {
    return "auto"; // storage is switched off
  }
}

function applyTheme(theme) {
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("readpool-theme", theme);
  } catch {
    // storage is switched off: the choice holds until the page is closed
  }
}

applyTheme(readTheme());

document.addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("theme");
  const say = () => {
    const theme = document.documentElement.dataset.theme;
    document.getElementById("theme-word").textContent = theme;
    button.title = `Colours: ${theme}. Click for ${nextTheme()}.`;
  };
  const nextTheme = () => THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length];
  button.addEventListener("click", () => {
    applyTheme(nextTheme());
    say();
  });
  say();
});

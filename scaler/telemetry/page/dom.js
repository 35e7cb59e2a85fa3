// Builds elements. Text goes in as text only: what nodes say is never markup, and the Content-Security-Policy enforces it.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children; a string among the children is text. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same in SVG. */
export function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Set a text where it differs: most of a snapshot is what it was. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Set an attribute where it differs. */
export function mark(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** The shape of a class or health, for eyes only: a word always stands beside it. */
export function shape({ shape: path, stroke }) {
  const icon = s("svg", { class: "shape", viewBox: "0 0 12 12", "aria-hidden": "true" }, s("path"));
  setShape(icon, { shape: path, stroke });
  return icon;
}

/** Make a shape another one. */
export function setShape(icon, { shape: path, stroke }) {
  mark(icon.firstChild, "d", path);
  icon.classList.toggle("is-stroke", Boolean(stroke));
}

/** Put children in order by moving only those that are out of it; what had the focus keeps it. */
export function arrange(parent, wanted) {
  const focused = document.activeElement;
  let cursor = parent.firstChild;
  for (const child of wanted) {
    if (child === cursor) cursor = cursor.nextSibling;
    else parent.insertBefore(child, cursor);
  }
  while (cursor) {
    const next = cursor.nextSibling;
    cursor.remove();
    cursor = next;
  }
  if (document.activeElement !== focused && parent.contains(focused)) focused.focus({ preventScroll: true });
}

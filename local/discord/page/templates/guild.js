// Shows what Rolecall does as it does it: looks every two seconds while the page is seen, unless it is being used.
(() => {
"use strict";
const live = document.getElementById("live");
const address = () => { const query = new URLSearchParams(location.search); query.set("part", "live"); return "?" + query; };
const used = () => live.contains(document.activeElement) && document.activeElement !== live.querySelector(".scroll");
let shown = "";
setInterval(async () => {
  if (document.hidden || used()) return;
  try {
    const text = await (await fetch(address(), {cache: "no-store"})).text();
    if (text === shown || used()) return;
    const open = [...live.querySelectorAll("details[open]")].map(one => one.dataset.key);
    live.innerHTML = shown = text;
    for (const one of live.querySelectorAll("details")) one.open = open.includes(one.dataset.key);
  } catch { /* the Discord has ended, or ends just now */ }
}, 2000);
})();

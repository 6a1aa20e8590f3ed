// Looks again every half minute while somebody looks at the page; in a hidden tab, and once it is over, never.
(() => {
"use strict";
const EVERY = 30, LONGEST = 300, TICK = 5; // seconds
const [live, age, said] = ["live", "age", "said"].map(id => document.getElementById(id));
let at = Date.now(), asked = at, wait = EVERY, busy = false;
const tell = (place, text) => { if (place.textContent !== text) place.textContent = text; };
const over = answer => answer.type === "opaqueredirect" || answer.status === 400;
const failed = () => { wait = Math.min(wait * 2, LONGEST); tell(said, said.dataset.unreachable); };
const show = async answer => {
  at = Date.now(), wait = EVERY;
  if (answer.status === 304) return tell(said, "");
  if (live.contains(document.activeElement)) return tell(said, said.dataset.newer);
  live.innerHTML = await answer.text();
  live.dataset.seen = answer.headers.get("ETag");
  tell(said, "");
};
const look = async () => {
  busy = true, asked = Date.now();
  try {
    const headers = {"If-None-Match": live.dataset.seen};
    const answer = await fetch("?part=live", {headers, redirect: "manual", cache: "no-store"});
    if (over(answer)) { clearInterval(ticking); tell(age, ""); tell(said, said.dataset.over); }
    else if (answer.ok || answer.status === 304) await show(answer);
    else failed();
  } catch { failed(); }
  busy = false;
};
const tick = () => {
  if (document.hidden) return;
  tell(age, age.dataset.fresh.replace("{n}", Math.round((Date.now() - at) / 1000)));
  if (!busy && Date.now() - asked >= wait * 1000) look();
};
const ticking = setInterval(tick, TICK * 1000);
document.addEventListener("visibilitychange", tick);
})();

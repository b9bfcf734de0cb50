"use strict";
// Every page works without this script. It shows how many calls wait for a person, keeps the inbox and the log up to date, and
// makes a sound where it is switched on. Nothing moves under the pointer: what is new waits behind a button.
const liveAddress = document.body.dataset.live;
if (liveAddress) {
  const title = document.title;
  const inbox = document.getElementById("inbox");
  const lines = document.getElementById("lines");
  const news = document.getElementById("news");
  const badge = document.getElementById("waiting");

  // A browser plays nothing before the person has done something in the page.
  const sound = document.getElementById("sound-on");
  let soundIsOn = /(^|; )policylayer_sound=on(;|$)/.test(document.cookie);
  let audio = null;
  const wakeSound = () => {
    if (!soundIsOn || !window.AudioContext) return;
    audio ??= new AudioContext();
    audio.resume().catch(() => {});
  };
  const beep = () => {
    if (!soundIsOn || audio?.state !== "running") return;
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    volume.gain.value = 0.05;
    tone.connect(volume).connect(audio.destination);
    tone.frequency.value = 660;
    tone.start();
    tone.stop(audio.currentTime + 0.15);
  };
  for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, wakeSound);
  if (sound) {
    document.getElementById("sound").hidden = false;
    sound.checked = soundIsOn;
    sound.addEventListener("change", () => {
      soundIsOn = sound.checked;
      // Not in localStorage: that is another one for each port.
      document.cookie = `policylayer_sound=${soundIsOn ? "on" : "off"}; path=/; max-age=31536000; SameSite=Strict`;
      wakeSound();
      beep();
    });
  }

  const offer = (text, act) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    button.addEventListener("click", act);
    news.replaceChildren(button);
  };

  // The inbox.
  const shown = new Map();
  for (const call of inbox?.querySelectorAll("[data-call]") ?? []) shown.set(call.dataset.call, call);
  let heard = inbox ? new Set(shown.keys()) : null;

  const closeCall = (call, how) => {
    if (call.classList.contains("over")) return;
    call.classList.add("over");
    call.querySelector("fieldset").disabled = true;
    call.querySelector("legend").textContent = `No longer to be answered here: ${how ?? "it has changed, or is over"}`;
  };

  const takeInbox = ({ open, over }) => {
    const count = open.length > 0 ? `(${open.length}) ` : "";
    document.title = count + title;
    if (badge) badge.textContent = open.length > 0 ? open.length : "";
    if (heard && open.some((word) => !heard.has(word))) beep();
    heard = new Set(open);
    if (!inbox) return;
    for (const [word, call] of shown) if (!heard.has(word)) closeCall(call, over[word]);
    const fresh = open.filter((word) => !shown.has(word)).length;
    // Once a call was shown, somebody may be about to answer it, or reads how it ended.
    if (fresh > 0 && shown.size === 0 && !inbox.contains(document.activeElement)) location.reload();
    else if (fresh > 0) offer(fresh === 1 ? "Show 1 new call" : `Show ${fresh} new calls`, () => location.reload());
    else news.replaceChildren();
  };

  const tick = () => {
    for (const left of document.querySelectorAll("[data-until]")) {
      const seconds = Math.max(0, Math.round(left.dataset.until - Date.now() / 1000));
      const two = (number) => String(number).padStart(2, "0");
      const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
      if (hours > 0) left.textContent = `${hours} h ${two(minutes)} min`;
      else left.textContent = minutes > 0 ? `${minutes} min ${two(seconds % 60)} s` : `${seconds} s`;
    }
  };
  if (document.querySelector("[data-until]")) setInterval(tick, 1000);

  // The log.
  let waiting = [];
  let isTooMuch = false;
  const offerLines = () => {
    if (isTooMuch) return offer("Show the new lines", () => location.reload());
    offer(waiting.length === 1 ? "Show 1 new line" : `Show ${waiting.length} new lines`, () => {
      for (const row of lines.querySelectorAll(".fresh")) row.classList.remove("fresh");
      for (const row of waiting) row.classList.add("fresh");
      lines.prepend(...waiting);
      waiting = [];
      news.replaceChildren();
    });
  };
  const takeLines = (html) => {
    const rows = document.createElement("template");
    rows.innerHTML = html;
    waiting = [...rows.content.children, ...waiting];
    isTooMuch ||= waiting.length > 500;
    offerLines();
  };
  const isStale = () => offer("This list may be out of date. Load it again", () => location.reload());

  let stream = null;
  let lost = 0;
  const listen = () => {
    if (stream) return;
    const log = lines ? `&log=${encodeURIComponent(lines.dataset.log)}` : "";
    stream = new EventSource(`${liveAddress}?page=${inbox ? "inbox" : "other"}${log}`);
    stream.addEventListener("inbox", (event) => takeInbox(JSON.parse(event.data)));
    stream.addEventListener("lines", (event) => takeLines(event.data));
    stream.addEventListener("many", () => { isTooMuch = true; offerLines(); });
    stream.addEventListener("lost", isStale);
    // Other pages were opened since. This one goes on once somebody looks at it.
    stream.addEventListener("rest", () => { stream.close(); stream = null; if (document.hidden) return; if (news) isStale(); });
    stream.addEventListener("open", () => { clearTimeout(lost); lost = 0; });
    stream.addEventListener("error", () => {
      lost ||= setTimeout(() => {
        document.title = title;
        if (badge) badge.textContent = "";
        if (news) news.textContent = "This page is not up to date: policylayer ui does not answer. If it has ended, run it again.";
      }, 3000);
    });
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden) listen(); });
  listen();
}

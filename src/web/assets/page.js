"use strict";
// Every page works without this script. It keeps the inbox up to date: it never moves a call under the pointer, so what is
// new waits behind a button while there is something to answer.
const inbox = document.getElementById("inbox");
if (inbox) {
  const title = document.title;
  const news = document.getElementById("news");
  const shown = new Map([...inbox.querySelectorAll("[data-call]")].map((call) => [call.dataset.call, call]));
  let heard = 0;

  const beep = () => {
    try {
      const audio = new AudioContext();
      const tone = audio.createOscillator();
      const volume = audio.createGain();
      volume.gain.value = 0.05;
      tone.connect(volume).connect(audio.destination);
      tone.frequency.value = 660;
      tone.start();
      tone.stop(audio.currentTime + 0.15);
    } catch { /* A browser may keep a page silent. */ }
  };

  const look = async () => {
    try {
      const answer = await fetch(inbox.dataset.open, { cache: "no-store" });
      if (!answer.ok) throw new Error(await answer.text());
      update(new Set((await answer.text()).split("\n").filter(Boolean)));
    } catch {
      news.textContent = "The list is not up to date: policylayer ui does not answer. If it has ended, run it again.";
      document.title = title;
    }
    setTimeout(look, 2000);
  };

  const update = (open) => {
    let answerable = 0;
    for (const [word, call] of shown) {
      const isOver = !open.has(word);
      if (isOver && !call.classList.contains("over")) {
        call.classList.add("over");
        call.querySelector("fieldset").disabled = true;
        call.querySelector("legend").textContent = "This call was answered elsewhere, has changed, or is over";
      }
      answerable += isOver ? 0 : 1;
    }
    const fresh = [...open].filter((word) => !shown.has(word)).length;
    document.title = open.size > 0 ? `(${open.size}) ${title}` : title;
    if (fresh > heard) beep();
    heard = fresh;
    if (fresh > 0 && answerable === 0 && !inbox.contains(document.activeElement)) {
      location.reload();
      return;
    }
    news.textContent = "";
    if (fresh > 0) {
      const button = document.createElement("button");
      button.textContent = fresh === 1 ? "Show 1 new call" : `Show ${fresh} new calls`;
      button.addEventListener("click", () => location.reload());
      news.append(button);
    }
  };

  const tick = () => {
    for (const left of inbox.querySelectorAll("[data-until]")) {
      const seconds = Math.max(0, Math.round(left.dataset.until - Date.now() / 1000));
      left.textContent = `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
    }
    setTimeout(tick, 1000);
  };

  if (shown.size > 0) tick();
  look();
}

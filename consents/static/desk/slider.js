// Goes through a contact's history: each stop of the slider is a time at which something happened,
// the last one is now.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const slider = document.getElementById("id_stop");
  const stops = JSON.parse(document.getElementById("stops")?.textContent ?? "[]");
  if (!slider || stops.length === 0) {
    return;
  }
  const field = document.getElementById("id_at");
  const describe = () => {
    const stop = stops[Number(slider.value)];
    slider.setAttribute("aria-valuetext", stop.words);
    document.getElementById("stop_words").textContent = stop.words;
    return stop;
  };
  document.getElementById("stops_shown").hidden = false;
  const before = stops.findLastIndex((stop) => stop.at && stop.at <= field.value);
  slider.value = String(field.value ? Math.max(before, 0) : stops.length - 1);
  describe();
  slider.addEventListener("input", () => {
    field.value = describe().at;
  });
  slider.addEventListener("change", () => {
    if (field.value) {
      slider.form.requestSubmit();
    } else {
      window.location.search = "";
    }
  });
});

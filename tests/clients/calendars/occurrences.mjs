// Reads a JSON array of [start, rule, end] from standard input, and prints for each the days that ical.js gives for the
// rule from its start to before the end.
//   node occurrences.mjs < cases.json

import { readFileSync } from "node:fs";
import ICAL from "ical.js";

const day = (time) => time.toString().slice(0, 10);

function days([start, rule, end]) {
  const found = [];
  const iterator = ICAL.Recur.fromString(rule).iterator(ICAL.Time.fromString(start));
  for (let time = iterator.next(); time && day(time) < end; time = iterator.next()) found.push(day(time));
  return found;
}

console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(days)));

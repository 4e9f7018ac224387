// Reads a calendar from standard input with ical.js, and prints the occurrences of its components from the first day
// to before the second one.
//   node read_feed.mjs vevent|vtodo 2026-12-01 2027-01-01

import { readFileSync } from "node:fs";
import ICAL from "ical.js";

const [kind, from, to] = process.argv.slice(2);
const calendar = new ICAL.Component(ICAL.parse(readFileSync(0, "utf8")));
const starts = { vevent: "dtstart", vtodo: "due" };
const day = (time) => time.toString().slice(0, 10);
const utc = (time) => new Date(time.toUnixTime() * 1000).toISOString().replace(".000Z", "Z");

function* times(component) {
  const start = component.getFirstPropertyValue(starts[kind]);
  const rule = component.getFirstPropertyValue("rrule");
  if (!rule) return yield start;
  const iterator = rule.iterator(start);
  for (let time = iterator.next(); time && day(time) < to; time = iterator.next()) yield time.clone();
}

const occurrences = calendar.getAllSubcomponents(kind).flatMap((component) =>
  [...times(component)]
    .filter((time) => from <= day(time) && day(time) < to)
    .map((time) => ({
      uid: component.getFirstPropertyValue("uid"),
      start: time.isDate ? time.toString() : utc(time),
      summary: component.getFirstPropertyValue("summary"),
      description: component.getFirstPropertyValue("description") ?? "",
      categories: component.getFirstProperty("categories")?.getValues() ?? [],
    })),
);
const name = calendar.getFirstPropertyValue("x-wr-calname");
console.log(JSON.stringify({ name, occurrences }));

// Prints a calendar with tasks, written by ical.js as Thunderbird and Nextcloud Tasks fill it.
//   node write_todos.mjs

import ICAL from "ical.js";

const calendar = new ICAL.Component("vcalendar");
calendar.updatePropertyWithValue("version", "2.0");
calendar.updatePropertyWithValue("prodid", "-//Nextcloud Tasks v0.16.1");

function add(properties, categories) {
  const todo = new ICAL.Component("vtodo");
  for (const [name, value] of Object.entries(properties)) todo.updatePropertyWithValue(name, value);
  if (categories) {
    const property = new ICAL.Property("categories");
    property.setValues(categories);
    todo.addProperty(property);
  }
  calendar.addSubcomponent(todo);
  return todo;
}

const created = ICAL.Time.fromString("2026-09-01T08:00:00Z");
const weekly = add(
  {
    uid: "c5c14b76-2a4d-4f35-a3a0-14a3ff2ae9a1",
    created,
    "last-modified": created,
    summary: `Water the plants, all; of them: ${"ä€\u{1f600}".repeat(40)}`,
    description: "one\ntwo \\ three",
    priority: 1,
    "percent-complete": 40,
    status: "IN-PROCESS",
    rrule: ICAL.Recur.fromString("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,FR;WKST=MO"),
  },
  ["Home, sweet", "Garden"],
);
const due = new ICAL.Property("due");
due.setParameter("tzid", "Europe/Berlin");
due.setValue(ICAL.Time.fromString("2026-10-02T09:00:00"));
weekly.addProperty(due);

add({ uid: "done", created, summary: "Buy milk", status: "COMPLETED", completed: created, due: ICAL.Time.fromString("2026-10-01") });
add({ uid: "hourly", created, summary: "Blink", due: created, rrule: ICAL.Recur.fromString("FREQ=HOURLY") });
console.log(calendar.toString());

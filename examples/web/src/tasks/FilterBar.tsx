import { type ChangeEvent, useMemo } from "react";

import type { Task } from "../api/client";
import { Field, Select } from "../ui/Field";
import type { Filter } from "./filter";

const STATUSES = { open: "Open", completed: "Completed", all: "All" };
const PRIORITIES = { "": "Any", high: "High", medium: "Medium", low: "Low" };
const SORT_KEYS = { order: "My order", due: "Due date", priority: "Priority", title: "Title" };

interface Props {
  filter: Filter;
  tasks: ReadonlyMap<number, Task>;
  onChange: (filter: Filter) => void;
}

export function FilterBar({ filter, tasks, onChange }: Props) {
  const tags = useMemo(() => [...new Set([...tasks.values()].flatMap((task) => task.tags))].sort(), [tasks]);
  const field = (name: keyof Filter) => ({
    value: filter[name],
    onChange: (event: ChangeEvent<HTMLInputElement | HTMLSelectElement>) =>
      onChange({ ...filter, [name]: event.target.value }),
  });
  return (
    <search className="filters">
      <Field label="Search" type="search" {...field("text")} />
      <Select label="Status" options={STATUSES} {...field("status")} />
      <Select label="Priority" options={PRIORITIES} {...field("priority")} />
      <Select label="Tag" options={{ "": "Any", ...Object.fromEntries(tags.map((tag) => [tag, tag])) }} {...field("tag")} />
      <Select label="Sort by" options={SORT_KEYS} {...field("sort")} />
    </search>
  );
}
